// As `perf script` prints samples of a memory breakpoint with their call chains:
//
//   comm 4242/4243 [001]  1234.567890:          1 mem:0xffff888012345678/8:w:
//           ffffffff81234567 some_function+0x17 ([kernel.kallsyms])
//           ...
//
// One empty line ends each. Times are CLOCK_MONOTONIC's, as with `perf record -k CLOCK_MONOTONIC`.
#include "base/printable.h"
#include "export/formats.h"
#include "export/stream_export.h"

#include <fmt/format.h>

#include <iterator>

namespace stakeout {
namespace {

std::string_view access_letters(Access access) {
    switch (access) {
    case Access::Read:
        return "r";
    case Access::Write:
        return "w";
    case Access::Execute:
        return "x";
    case Access::Unknown:
        break;
    }
    return "rw";
}

// Kernel modules stand in brackets, files as they are.
std::string object_of(const Frame& frame, bool user) {
    if (user) return frame.module.empty() ? "[unknown]" : printable(frame.module);
    return frame.module.empty() ? "[kernel.kallsyms]" : "[" + printable(frame.module) + "]";
}

class PerfScriptExport final : public StreamExport {
  public:
    using StreamExport::StreamExport;

    void on_hit(const Hit& hit) override {
        std::string& to = out().buffer();
        constexpr std::uint64_t second_ns = 1'000'000'000;
        fmt::format_to(std::back_inserter(to), "{} {}/{} [{:03}] {:5}.{:06}: {:10} mem:{:#x}/{}:{}:\n",
                       comm_of(hit), hit.pid, hit.tid, hit.cpu, hit.time_ns / second_ns,
                       hit.time_ns % second_ns / 1000, 1, hit.address, hit.width, access_letters(hit.access));
        append(to, hit.kernel_stack, false);
        append(to, hit.user_stack, true);
        if (hit.kernel_stack.empty() && hit.user_stack.empty()) {
            Frame only;
            only.ip = hit.ip;
            append(to, {only}, hit.user_mode);
        }
        to += '\n';
    }

  private:
    // A line begins with a name, or it is a frame for those who read it.
    static std::string comm_of(const Hit& hit) {
        std::string comm = printable(hit.comm);
        const std::size_t start = comm.find_first_not_of(' ');
        return start == std::string::npos ? "?" : comm.substr(start);
    }
    static void append(std::string& to, const std::vector<Frame>& stack, bool user) {
        for (const Frame& frame : stack) {
            auto back = std::back_inserter(to);
            if (frame.symbol.empty())
                fmt::format_to(back, "\t{:16x} [unknown] ({})\n", frame.ip, object_of(frame, user));
            else
                fmt::format_to(back, "\t{:16x} {}+{:#x} ({})\n", frame.ip, printable(frame.symbol),
                               frame.offset, object_of(frame, user));
        }
    }
};

} // namespace

std::unique_ptr<WatchListener> make_perf_script_export(int fd) {
    return std::make_unique<PerfScriptExport>(fd);
}

} // namespace stakeout
