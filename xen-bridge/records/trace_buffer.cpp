#include "xen-bridge/records/trace_buffer.h"

#include "xen-bridge/records/shared_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include <xen/xen.h>

#include <xen/trace.h>

namespace stakeout {
namespace {

constexpr std::size_t header_bytes = sizeof(t_buf);

} // namespace

std::size_t TraceBuffer::data_bytes() const {
    return pages_.size() > header_bytes ? pages_.size() - header_bytes : 0;
}

TraceBuffer::Window TraceBuffer::window() const {
    Window window;
    const std::size_t size = data_bytes();
    if (size == 0) return window;
    window.prod = SharedWords(pages_).load(offsetof(t_buf, prod));
    window.cons = SharedWords(pages_).load(offsetof(t_buf, cons));
    const auto is_position = [&](std::uint32_t value) { return value < 2 * size && value % 4 == 0; };
    window.prod_sane = is_position(window.prod);
    if (!window.prod_sane || !is_position(window.cons)) return window;
    window.bytes =
        window.prod >= window.cons ? window.prod - window.cons : window.prod + 2 * size - window.cons;
    window.sane = window.bytes <= size;
    return window;
}

void TraceBuffer::set_cons(std::uint32_t cons) { SharedWords(pages_).store(offsetof(t_buf, cons), cons); }

Result<std::size_t> TraceBuffer::drain(std::vector<std::uint8_t>& into) {
    const Window now = window();
    if (!now.sane) {
        if (now.prod_sane) set_cons(now.prod);
        return internal_error(
            "read a CPU's trace buffer",
            fmt::format("its positions are none that Xen writes (cons {:#x}, prod {:#x}, {} bytes of data)",
                        now.cons, now.prod, data_bytes()));
    }
    const auto data = std::span<const std::uint8_t>(pages_).subspan(header_bytes);
    const std::size_t start = now.cons % data.size();
    const std::size_t first = std::min(now.bytes, data.size() - start);
    const auto append = [&](std::span<const std::uint8_t> part) {
        into.insert(into.end(), part.begin(), part.end());
    };
    append(data.subspan(start, first));
    append(data.first(now.bytes - first));
    set_cons(now.prod);
    return now.bytes;
}

void TraceBuffer::skip() {
    const Window now = window();
    if (now.prod_sane) set_cons(now.prod);
}

std::size_t TraceBuffer::waiting_bytes() const {
    const Window now = window();
    return now.sane ? now.bytes : 0;
}

Result<TraceBufferFrames> trace_buffer_frames(std::span<const std::uint8_t> table, std::uint32_t cpus) {
    const std::string tried = "find Xen's trace buffers";
    std::uint16_t pages = 0;
    if (table.size() < sizeof pages * (1 + static_cast<std::size_t>(cpus)))
        return internal_error(tried,
                              fmt::format("the table has {} bytes: too few for {} CPUs", table.size(), cpus));
    std::memcpy(&pages, table.data() + offsetof(t_info, tbuf_size), sizeof pages);
    TraceBufferFrames found;
    found.of_cpu.resize(cpus);
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        std::uint16_t offset = 0; // in words of 4 bytes
        std::memcpy(&offset, table.data() + sizeof pages * (1 + static_cast<std::size_t>(cpu)),
                    sizeof offset);
        if (offset == 0) continue; // no such CPU
        const std::size_t start = std::size_t{offset} * 4;
        if (start + std::size_t{pages} * 4 > table.size())
            return internal_error(tried, fmt::format("CPU {}'s list leads out of the table", cpu));
        for (std::size_t i = 0; i < pages; ++i) {
            std::uint32_t frame = 0;
            std::memcpy(&frame, table.data() + start + i * 4, sizeof frame);
            found.of_cpu[cpu].push_back(frame);
        }
    }
    return found;
}

} // namespace stakeout
