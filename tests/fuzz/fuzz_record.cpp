// libFuzzer: the record decoder and the reader behind it. The input is cut into records of any length;
// nothing may be read beyond an end, and what comes out must be in order of its numbers within a batch.
#include "watchpoints/hit/hit_builder.h"
#include "watchpoints/hit/reader.h"

#include <cstdint>
#include <cstdlib>
#include <span>

using namespace stakeout;

namespace {

using Kind = ScriptFieldLayout::Kind;
const std::vector<ScriptFieldLayout> fields{{"a", Kind::Signed, 0, 4, 0, 0, {}},
                                            {"b", Kind::Text, 4, 16, 0, 0, {}},
                                            {"c", Kind::Unsigned, 24, 8, 3, 5, {}}};

void build(const JoinedHit& joined) {
    static Symboliser symboliser;
    static const auto symbols = KernelSymbols::parse("ffffffff81000000 T _text\n");
    symboliser.use_kernel_symbols(symbols.get());
    static HitBuilder builder(Trap::OnReadOrWrite, {{"a", 8}, {"b", 32}}, {{8}, {4}}, nullptr, symboliser);
    builder.use_fields(fields);
    JoinedHit nobody = joined;
    nobody.raw.record.pid = 0; // no process of this machine is to be looked at
    (void)builder.build(nobody);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    std::size_t handed_on = 0;
    auto reader = Reader::detached(data[0] % 2 == 0, [&](JoinedHit&& joined) {
        ++handed_on;
        if (joined.raw.kernel_frames.size() > SO_MAX_DEPTH || joined.raw.user_frames.size() > SO_MAX_DEPTH)
            std::abort();
        build(joined);
    });
    reader->take_looks([](RawExtra&& look) { (void)look_of(look, fields); });
    auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
    std::uint64_t now = 0;
    while (!bytes.empty()) {
        const std::size_t length =
            std::min(bytes.size(), sizeof(so_record) + std::to_integer<std::size_t>(bytes[0]) % 64 * 8);
        reader->feed(bytes.first(length));
        reader->release(now += 1000000);
        bytes = bytes.subspan(length);
    }
    reader->flush();
    return 0;
}
