// One physical CPU's trace buffer, mapped: taking out what Xen has put in.
//
// The memory is shared with Xen: `struct t_buf` {cons, prod} (4 bytes each), and the data behind it to the
// end of the last page. Both are positions that count to twice the data's size and begin again at 0, so that
// full and empty differ; the place in the data is the position modulo the size. A record never crosses the
// end of the data (Xen fills it with TRC_TRACE_WRAP_BUFFER). Source: Xen's public trace.h,
// xen/common/trace.c, and xentrace(8)'s main loop.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

class TraceBuffer {
  public:
    // `pages`: the whole buffer, mapped for reading and writing, aligned to a page. It must outlive this
    // object.
    explicit TraceBuffer(std::span<std::uint8_t> pages) : pages_(pages) {}

    // Appends what is new to `into` and gives the room back to Xen. Returns the bytes appended. Error
    // (Internal): the positions are none that Xen writes; then nothing was appended, and, when only `cons` is
    // wrong, reading begins anew behind what is there (`cons` = `prod`).
    Result<std::size_t> drain(std::vector<std::uint8_t>& into);
    // Passes over what is there: records from before the watch.
    void skip();

    // Bytes of data; 0: the memory is too small to be a buffer.
    [[nodiscard]] std::size_t data_bytes() const;
    // How full it is now, in bytes; 0 when the positions are wrong.
    [[nodiscard]] std::size_t waiting_bytes() const;

  private:
    struct Window {
        std::uint32_t cons = 0, prod = 0;
        bool prod_sane = false, sane = false;
        std::size_t bytes = 0;
    };
    [[nodiscard]] Window window() const;
    void set_cons(std::uint32_t cons);

    std::span<std::uint8_t> pages_;
};

// Where the buffers are: the frames of each CPU's buffer, as the table says that xc_tbuf_enable() points to
// (`struct t_info`). `table` is that memory, `cpus` how many the machine has. Error (Internal): its offsets
// lead out of it. A CPU that is not there has no frames.
struct TraceBufferFrames {
    std::vector<std::vector<std::uint64_t>> of_cpu; // machine frames, by physical CPU
};
Result<TraceBufferFrames> trace_buffer_frames(std::span<const std::uint8_t> table, std::uint32_t cpus);

} // namespace stakeout
