#include "tools/output/guest_text.h"

#include "base/printable.h"
#include "tools/output/sinks.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

std::string domain_text(std::uint32_t id, const std::string& name) {
    return name.empty() ? fmt::format("domain {}", id) : fmt::format("{} (domain {})", printable(name), id);
}

std::string target_line(const Target& target, const std::optional<Value>& value, const ArmedGuest& guest) {
    std::string line = fmt::format("watching {}", printable(target.name));
    if (!target.type.empty()) line += fmt::format(" ({})", printable(target.type));
    line += fmt::format(" in {}, {} bytes at guest-physical {:#x}",
                        domain_text(guest.domain, guest.domain_name), target.size, target.address);
    std::string addresses;
    for (const std::uint64_t address : guest.addresses)
        addresses += fmt::format("{}{:#x}", addresses.empty() ? ", linear " : " and ", address);
    line += addresses;
    if (value) line += fmt::format(", now {}", value->hex());
    return line;
}

} // namespace

std::vector<std::string> guest_armed_lines(const Armed& armed) {
    const ArmedGuest& guest = *armed.guest;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < armed.targets.size(); ++i) {
        lines.push_back(target_line(armed.targets[i], armed.values[i], guest));
        if (!armed.targets[i].note.empty()) lines.push_back("  note: " + armed.targets[i].note);
    }
    if (!guest.kernel.empty())
        lines.push_back(fmt::format("the guest runs Linux {}, symbols from {}", printable(guest.kernel),
                                    guest.symbols_from));
    lines.push_back(fmt::format(
        "armed for {} by {} on {} of {} vCPUs of a {} guest, {:.1f} ms after the start; ends by itself in "
        "{:.0f} s",
        to_word(armed.kind), guest.backend, armed.cpus_armed.size(), armed.cpus_online.size(), guest.kind,
        armed.milliseconds, std::chrono::duration<double>(armed.time_to_live).count()));
    for (const std::string& spot : guest.blind_spots) lines.push_back("  not seen: " + spot);
    return lines;
}

std::string guest_who(const Hit& hit) {
    const GuestPart& guest = *hit.guest;
    std::string text = guest.domain_name.empty() ? fmt::format("domain {}", guest.domain)
                                                 : std::string(printable(guest.domain_name));
    if (guest.vcpu) text += fmt::format(" vCPU {}", *guest.vcpu);
    if (guest.task_known) text += fmt::format("  {}  pid {}  tid {}", printable(hit.comm), hit.pid, hit.tid);
    return text;
}

std::string guest_place(const Hit& hit) {
    const GuestPart& guest = *hit.guest;
    std::string text = fmt::format("  ({} bytes", hit.width);
    if (guest.physical) text += fmt::format(", guest-physical {:#x}", *guest.physical);
    if (guest.linear) text += fmt::format(", linear {:#x}", *guest.linear);
    if (guest.values_read_later) text += "; values read after the access";
    return text + ")";
}

std::string guest_registers(const Hit& hit) {
    const std::string_view title = hit.guest->registers_before ? "before  " : "after   ";
    std::string text;
    std::size_t column = 0;
    for (const auto& one : hit.guest->registers) {
        if (column++ % 4 == 0)
            text += fmt::format("{}    {}", text.empty() ? "" : "\n", text.empty() ? title : "        ");
        text += fmt::format("{:<4}{:016x}  ", one.name, one.value);
    }
    return text.empty() ? text : text + "\n";
}

std::string guest_summary(const Summary::Guest& guest) {
    std::string text;
    if (guest.lost_at_most) text += "; lost are records of Xen's trace, hits being some of them";
    if (guest.outside != 0)
        text += fmt::format("; {} events in the same frames beside the watched bytes", guest.outside);
    if (guest.paused_ns != 0)
        text += fmt::format("; the guest's vCPUs stood still for {:.3f} s",
                            static_cast<double>(guest.paused_ns) / 1e9);
    return text;
}

} // namespace stakeout
