// libFuzzer: Xen's trace records: the stream, cut anywhere, the hits in it, and the mapped buffer with any
// positions.
#include "xen-bridge/records/trace_buffer.h"
#include "xen-bridge/records/trace_hits.h"
#include "xen-bridge/records/xentrace.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace stakeout;

namespace {

// All bytes are accounted for: records, what was passed over, what waits.
void stream(TraceStream stream, std::span<const std::uint8_t> bytes, std::size_t step) {
    TraceHits hits;
    std::uint64_t given = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        stream.feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
        while (const auto record = stream.next()) {
            if (record->words > record->extra.size()) std::abort();
            hits.take(*record);
        }
        given += hits.drain().size();
    }
    if (stream.waiting_bytes() > 40 && stream.defects().bytes == 0 && bytes.size() == 0) std::abort();
    hits.flush();
    given += hits.drain().size();
    if (given != hits.counts().hits || hits.waiting()) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 16) return 0;
    const std::span<const std::uint8_t> input(data, size);
    const std::size_t step = 1 + data[0] % 64;
    stream(TraceStream(), input.subspan(1), step);
    stream(TraceStream(data[1] % 8), input.subspan(2), step);

    alignas(4096) static std::array<std::uint8_t, 4096> page;
    std::memcpy(page.data(), data, std::min(size, page.size()));
    TraceBuffer buffer(std::span(page).first(8 + 8 * (size % 500)));
    std::vector<std::uint8_t> out;
    for (int i = 0; i < 3; ++i) {
        const std::size_t before = out.size();
        const auto drained = buffer.drain(out);
        if (out.size() - before != (drained ? *drained : 0) || out.size() - before > buffer.data_bytes())
            std::abort();
    }
    buffer.skip();
    if (const auto frames = trace_buffer_frames(input, 1 + data[0] % 16); frames && frames->of_cpu.empty())
        std::abort();
    return 0;
}
