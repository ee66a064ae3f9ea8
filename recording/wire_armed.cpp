#include "recording/wire.h"

namespace stakeout {
namespace {

static_assert(static_cast<int>(AccessKind::Write) == Recording_Armed_Kind_WRITE_WATCH &&
              static_cast<int>(AccessKind::ReadWrite) == Recording_Armed_Kind_READ_WRITE_WATCH &&
              static_cast<int>(AccessKind::Read) == Recording_Armed_Kind_READ_WATCH &&
              static_cast<int>(AccessKind::Execute) == Recording_Armed_Kind_EXECUTE_WATCH);

Recording_Armed_FollowUpWay to_wire(const std::optional<FollowUpWay>& way) {
    if (!way) return Recording_Armed_FollowUpWay_NONE;
    switch (*way) {
    case FollowUpWay::OnDemand:
        return Recording_Armed_FollowUpWay_ON_DEMAND;
    case FollowUpWay::Periodic:
        return Recording_Armed_FollowUpWay_PERIODIC;
    case FollowUpWay::Softirq:
        break;
    }
    return Recording_Armed_FollowUpWay_SOFTIRQ;
}

std::optional<FollowUpWay> from_wire(Recording_Armed_FollowUpWay way) {
    switch (way) {
    case Recording_Armed_FollowUpWay_ON_DEMAND:
        return FollowUpWay::OnDemand;
    case Recording_Armed_FollowUpWay_PERIODIC:
        return FollowUpWay::Periodic;
    case Recording_Armed_FollowUpWay_SOFTIRQ:
        return FollowUpWay::Softirq;
    default:
        return std::nullopt;
    }
}

void to_wire(const Target& target, const std::optional<Value>& value, Recording_Armed_Target& wire) {
    wire.set_name(target.name);
    wire.set_type(target.type);
    wire.set_type_id(target.type_id);
    wire.set_is_signed(target.is_signed);
    wire.set_address(static_cast<std::int64_t>(target.address));
    wire.set_size(target.size);
    wire.mutable_cpu_base()->Add(target.cpu_base.begin(), target.cpu_base.end());
    wire.set_note(target.note);
    if (value) wire.set_value(to_bytes(value->bytes));
}

Target from_wire(const Recording_Armed_Target& wire) {
    return {.name = wire.name(),
            .type = wire.type(),
            .type_id = wire.type_id(),
            .is_signed = wire.is_signed(),
            .address = static_cast<std::uint64_t>(wire.address()),
            .size = wire.size(),
            .cpu_base = {wire.cpu_base().begin(), wire.cpu_base().end()},
            .note = wire.note()};
}

void to_wire(const ArmedGuest& guest, Recording_Armed_Guest& wire) {
    wire.set_domain(guest.domain);
    wire.set_domain_name(guest.domain_name);
    wire.set_kind(guest.kind);
    wire.set_backend(guest.backend);
    for (const std::string& blind_spot : guest.blind_spots) wire.add_blind_spot(blind_spot);
    wire.set_kernel(guest.kernel);
    wire.set_symbols_from(guest.symbols_from);
    wire.mutable_address()->Add(guest.addresses.begin(), guest.addresses.end());
}

ArmedGuest from_wire(const Recording_Armed_Guest& wire) {
    return {.domain = wire.domain(),
            .domain_name = wire.domain_name(),
            .kind = wire.kind(),
            .backend = wire.backend(),
            .blind_spots = {wire.blind_spot().begin(), wire.blind_spot().end()},
            .kernel = wire.kernel(),
            .symbols_from = wire.symbols_from(),
            .addresses = {wire.address().begin(), wire.address().end()}};
}

} // namespace

void to_wire(const Armed& armed, Recording_Armed& wire) {
    wire.set_watch(armed.watch);
    for (std::size_t i = 0; i < armed.targets.size(); ++i)
        to_wire(armed.targets[i], i < armed.values.size() ? armed.values[i] : std::nullopt,
                *wire.add_target());
    wire.set_kind(static_cast<Recording_Armed_Kind>(armed.kind));
    for (const Slot& slot : armed.slots) {
        auto& one = *wire.add_slot();
        one.set_address(static_cast<std::int64_t>(slot.address));
        one.set_length(slot.length);
        one.set_target(static_cast<std::uint32_t>(slot.target));
    }
    wire.mutable_cpu_armed()->Add(armed.cpus_armed.begin(), armed.cpus_armed.end());
    wire.mutable_cpu_online()->Add(armed.cpus_online.begin(), armed.cpus_online.end());
    wire.set_milliseconds(armed.milliseconds);
    wire.set_at_ns(armed.at_ns);
    wire.set_wall_ahead_ns(armed.wall_ahead_ns);
    wire.set_time_to_live_ns(armed.time_to_live.count());
    wire.set_exception_cost_ns(armed.exception_cost.count());
    wire.set_brake(armed.brake);
    wire.set_script(armed.script);
    for (const std::string& program : armed.left_out) wire.add_left_out(program);
    wire.set_follow_up_way(to_wire(armed.follow_up_way));
    wire.set_follow_ups_pinned(armed.follow_ups_pinned);
    if (armed.guest) to_wire(*armed.guest, *wire.mutable_guest());
}

std::optional<Armed> from_wire(const Recording_Armed& wire) {
    if (!Recording_Armed_Kind_IsValid(wire.kind()) ||
        !Recording_Armed_FollowUpWay_IsValid(wire.follow_up_way()) || !is_time(wire.at_ns()) ||
        !is_time_step(wire.wall_ahead_ns()) || !is_time_step(wire.time_to_live_ns()) ||
        !is_time_step(wire.exception_cost_ns()))
        return std::nullopt;
    Armed armed;
    armed.watch = wire.watch();
    for (const auto& target : wire.target()) {
        armed.targets.push_back(from_wire(target));
        armed.values.push_back(target.has_value() ? std::optional(Value{from_bytes(target.value())})
                                                  : std::nullopt);
    }
    armed.kind = static_cast<AccessKind>(wire.kind());
    for (const auto& slot : wire.slot()) {
        if (slot.target() >= armed.targets.size()) return std::nullopt;
        armed.slots.push_back({static_cast<std::uint64_t>(slot.address()), slot.length(), slot.target()});
    }
    armed.cpus_armed.assign(wire.cpu_armed().begin(), wire.cpu_armed().end());
    armed.cpus_online.assign(wire.cpu_online().begin(), wire.cpu_online().end());
    armed.milliseconds = wire.milliseconds();
    armed.at_ns = wire.at_ns();
    armed.wall_ahead_ns = wire.wall_ahead_ns();
    armed.time_to_live = std::chrono::nanoseconds(wire.time_to_live_ns());
    armed.exception_cost = std::chrono::nanoseconds(wire.exception_cost_ns());
    armed.brake = wire.brake();
    armed.script = wire.script();
    armed.left_out.assign(wire.left_out().begin(), wire.left_out().end());
    armed.follow_up_way = from_wire(wire.follow_up_way());
    armed.follow_ups_pinned = wire.follow_ups_pinned();
    if (wire.has_guest()) armed.guest = from_wire(wire.guest());
    return armed;
}

} // namespace stakeout
