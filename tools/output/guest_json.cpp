#include "tools/output/guest_json.h"

namespace stakeout {

void add_guest_armed(Json& record, const ArmedGuest& guest) {
    Json one{{"domain", guest.domain},
             {"kind", guest.kind},
             {"backend", guest.backend},
             {"not_seen", guest.blind_spots}};
    if (!guest.domain_name.empty()) one["domain_name"] = guest.domain_name;
    if (!guest.kernel.empty()) one["kernel"] = guest.kernel;
    if (!guest.symbols_from.empty()) one["symbols_from"] = guest.symbols_from;
    for (const std::uint64_t address : guest.addresses) one["linear"].push_back(hex(address));
    record["guest"] = std::move(one);
}

void write_guest_who(JsonWriter& line, const Hit& hit) {
    const GuestPart& guest = *hit.guest;
    line.begin_object("guest");
    line.number("domain", guest.domain);
    line.text("backend", guest.backend);
    if (!guest.domain_name.empty()) line.text("domain_name", guest.domain_name);
    if (guest.vcpu) line.number("vcpu", *guest.vcpu);
    if (guest.physical) line.hex("physical", *guest.physical);
    if (guest.linear) line.hex("linear", *guest.linear);
    if (guest.values_read_later) line.truth("values_read_later", true);
    if (!guest.stack_way.empty()) line.text("stack_way", guest.stack_way);
    if (!guest.registers.empty()) {
        line.begin_object(guest.registers_before ? "registers_before" : "registers");
        for (const auto& each : guest.registers) line.hex(each.name, each.value);
        line.end_object();
    }
    line.end_object();
    if (!guest.task_known) return;
    line.number("pid", hit.pid);
    line.number("tid", hit.tid);
    line.text("comm", hit.comm);
}

} // namespace stakeout
