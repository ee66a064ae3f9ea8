#include "recording/hit_reader.h"

#include "recording/wire.h"

#include <limits>

namespace stakeout {
namespace {

std::optional<Value> value_of(std::uint64_t number, std::uint32_t width) {
    if (width > sizeof number) return std::nullopt;
    Value value;
    value.bytes.reserve(width);
    for (std::uint32_t i = 0; i < width; ++i)
        value.bytes.push_back(static_cast<std::uint8_t>(number >> 8U * i));
    return value;
}

constexpr std::size_t most_name_bytes = std::size_t{4} << 20U; // of an entry

} // namespace

bool HitReader::name(std::uint32_t id, std::string& into) {
    if (!dictionary_.has_text(id)) return false;
    into = dictionary_.text(id);
    name_bytes_ += into.size();
    return name_bytes_ <= most_name_bytes;
}

bool HitReader::begin(std::uint64_t time_ns, std::uint64_t seq) {
    last_ns_ = time_ns;
    last_seq_ = seq;
    last_new_.reset();
    return is_time(time_ns);
}

bool HitReader::read_values(const Recording_Hit& wire, Hit& hit) const {
    if (wire.old_follows()) {
        if (!last_new_) return false;
        hit.old_value = last_new_;
    } else if (wire.has_old_bytes()) {
        hit.old_value = Value{from_bytes(wire.old_bytes())};
    } else if (wire.has_old_number()) {
        hit.old_value = value_of(wire.old_number(), hit.width);
        if (!hit.old_value) return false;
    }
    if (wire.has_new_bytes()) {
        hit.new_value = Value{from_bytes(wire.new_bytes())};
    } else if (wire.has_new_number()) {
        hit.new_value = value_of(wire.new_number(), hit.width);
        if (!hit.new_value) return false;
    }
    return true;
}

bool HitReader::read_also(const Recording_Also& wire, Hit& hit) {
    auto& one = hit.also.emplace_back();
    if (wire.has_old()) one.old_value = Value{from_bytes(wire.old())};
    if (wire.has_new_()) one.new_value = Value{from_bytes(wire.new_())};
    return name(wire.target(), one.target);
}

std::optional<Hit> HitReader::read(const Recording_Hit& wire) {
    name_bytes_ = 0;
    Hit hit;
    if (!dictionary_.fill(wire.site(), wire.task(), hit)) return std::nullopt;
    hit.time_ns = last_ns_ + static_cast<std::uint64_t>(wire.time_step_ns());
    hit.seq = last_seq_ + 1 + static_cast<std::uint64_t>(wire.seq_step());
    if (!is_time(hit.time_ns) || wire.further_traps() == std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    hit.cpu = wire.cpu();
    if (!read_values(wire, hit)) return std::nullopt;
    hit.traps = wire.no_traps() ? 0 : wire.further_traps() + 1;
    hit.unordered = wire.unordered();
    hit.extra_lost = wire.extra_lost();
    hit.deferred = wire.deferred();
    hit.undecided = wire.undecided();
    hit.look_missed = wire.look_missed();
    for (const auto& also : wire.also())
        if (!read_also(also, hit)) return std::nullopt;
    if (wire.has_says()) {
        hit.says = read(wire.says());
        if (!hit.says) return std::nullopt;
    }
    for (const auto& look : wire.look()) {
        auto one = read_look(look);
        if (!one) return std::nullopt;
        hit.looks.push_back(std::move(*one));
    }
    if (wire.has_guest()) {
        hit.guest = read(wire.guest());
        if (!hit.guest) return std::nullopt;
    }
    last_ns_ = hit.time_ns;
    last_seq_ = hit.seq;
    last_new_ = hit.new_value;
    return hit;
}

std::optional<Look> HitReader::read(const Recording_Look& wire) {
    name_bytes_ = 0;
    return read_look(wire);
}

std::optional<Look> HitReader::read_look(const Recording_Look& wire) {
    auto says = read(wire.says());
    if (!says || !is_time(wire.time_ns()) || !is_time(wire.due_ns())) return std::nullopt;
    return Look{.where = wire.in_task() ? Look::Where::Task : Look::Where::Softirq,
                .hit = wire.hit(),
                .time_ns = wire.time_ns(),
                .due_ns = wire.due_ns(),
                .cpu = wire.cpu(),
                .tid = wire.tid(),
                .hit_was_dropped = wire.hit_was_dropped(),
                .kept = !wire.refused(),
                .says = std::move(*says)};
}

std::optional<ScriptSays> HitReader::read(const Recording_Says& wire) {
    ScriptSays says;
    for (const auto& field : wire.field()) {
        auto& one = says.fields.emplace_back();
        if (!Recording_Says_Field_Kind_IsValid(field.kind()) || !name(field.name(), one.name))
            return std::nullopt;
        one.kind = static_cast<ScriptField::Kind>(field.kind());
        one.number = field.number();
        one.text = field.text();
    }
    for (const auto& snapshot : wire.snapshot())
        says.snapshots.push_back({.address = static_cast<std::uint64_t>(snapshot.address()),
                                  .failed = snapshot.failed(),
                                  .bytes = from_bytes(snapshot.bytes())});
    says.refused = wire.refused();
    return says;
}

std::optional<GuestPart> HitReader::read(const Recording_Guest& wire) {
    GuestPart guest;
    if (!name(wire.domain_name(), guest.domain_name) || !name(wire.backend(), guest.backend) ||
        !name(wire.stack_way(), guest.stack_way))
        return std::nullopt;
    guest.domain = wire.domain();
    if (wire.has_vcpu()) guest.vcpu = wire.vcpu();
    if (wire.has_physical()) guest.physical = wire.physical();
    if (wire.has_linear()) guest.linear = wire.linear();
    guest.task_known = wire.task_known();
    guest.ip_known = wire.ip_known();
    guest.mode_known = wire.mode_known();
    guest.values_read_later = wire.values_read_later();
    for (const auto& reg : wire.register_()) {
        auto& one = guest.registers.emplace_back();
        if (!name(reg.name(), one.name)) return std::nullopt;
        one.value = reg.value();
    }
    guest.registers_before = wire.registers_before();
    return guest;
}

} // namespace stakeout
