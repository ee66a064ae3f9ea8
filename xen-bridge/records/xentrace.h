// Xen's trace records: what `xentrace -D` writes, and what lies in a CPU's trace buffer (trace_buffer.h).
//
// A record is one header word (event number 28 bits, number of extra words 3 bits, "a time stamp follows" 1
// bit), the time stamp (the CPU's TSC, 8 bytes), and 0 to 7 extra words; little endian. xentrace puts a
// record of its own before each piece of a CPU's buffer, which says whose it is and how long:
// TRC_TRACE_CPU_CHANGE. Source: Xen's public trace.h and tools/xentrace/xentrace.c.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stakeout {

// The events that the bridge understands (trace.h).
enum : std::uint32_t {
    trace_lost_records = 0x1f001,     // TRC_LOST_RECORDS
    trace_wrap_buffer = 0x1f002,      // TRC_TRACE_WRAP_BUFFER: fills the end of a buffer
    trace_cpu_change = 0x1f003,       // TRC_TRACE_CPU_CHANGE
    trace_runstate_change = 0x21001,  // TRC_SCHED_RUNSTATE_CHANGE | old << 8 | new << 4
    trace_continue_running = 0x21002, // TRC_SCHED_CONTINUE_RUNNING
    trace_switch = 0x2800a,           // TRC_SCHED_SWITCH (only when TRC_SCHED_VERBOSE is traced)
    trace_pv_trap = 0x201003,         // TRC_PV_TRAP
    trace_64_bit = 0x100,             // TRC_64_FLAG, of PV traps
};
// What must be traced (xc_tbuf_set_evt_mask) for trace_hits.h: TRC_PV_ENTRY and TRC_SCHED_MIN.
constexpr std::uint32_t trace_mask_for_hits = 0x0022'1000;

struct TraceRecord {
    std::uint32_t event = 0;
    std::optional<std::uint64_t> tsc;
    std::uint32_t words = 0; // valid ones of `extra`
    std::array<std::uint32_t, 7> extra{};
    std::optional<std::uint32_t> cpu; // physical; absent before the first TRC_TRACE_CPU_CHANGE of a file
};

class TraceStream {
  public:
    // A file of xentrace's, or what comes through its pipe.
    TraceStream() = default;
    // The records of one CPU's buffer.
    explicit TraceStream(std::uint32_t cpu) : cpu_(cpu) {}

    // Takes over bytes; they may end anywhere.
    void feed(std::span<const std::uint8_t> bytes);
    // The next whole record; nullopt: more bytes are needed. TRC_TRACE_CPU_CHANGE and TRC_TRACE_WRAP_BUFFER
    // are taken care of here and not returned.
    std::optional<TraceRecord> next();

    // What could not be understood, and how much of the stream was passed over therefore. After a defect
    // inside a piece of xentrace's, reading goes on behind that piece; in a single CPU's buffer, at the next
    // word.
    struct Defects {
        std::uint64_t records = 0; // malformed ones
        std::uint64_t bytes = 0;   // passed over
    };
    [[nodiscard]] const Defects& defects() const { return defects_; }
    [[nodiscard]] std::size_t waiting_bytes() const {
        return bytes_.size() - at_;
    } // of a record that is cut off

  private:
    enum class Taken { Record, Own, NeedsMore, Malformed };
    Taken take(TraceRecord& record);
    bool change_cpu(const TraceRecord& record);
    void pass_over();
    [[nodiscard]] std::uint32_t word(std::size_t at) const;

    std::vector<std::uint8_t> bytes_;
    std::size_t at_ = 0; // of bytes_: what was taken
    std::optional<std::uint32_t> cpu_;
    std::optional<std::uint64_t> piece_left_; // bytes until the next TRC_TRACE_CPU_CHANGE, in a file
    Defects defects_;
};

} // namespace stakeout
