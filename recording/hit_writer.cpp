#include "recording/hit_writer.h"

#include "recording/wire.h"

namespace stakeout {
namespace {

// The number that a value is, where that says all of it.
std::optional<std::uint64_t> number_of(const Value& value, std::uint32_t width) {
    if (value.bytes.size() != width || width > sizeof(std::uint64_t)) return std::nullopt;
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < width; ++i) number |= std::uint64_t{value.bytes[i]} << 8U * i;
    return number;
}

} // namespace

void HitWriter::begin(std::uint64_t time_ns, std::uint64_t seq) {
    last_ns_ = time_ns;
    last_seq_ = seq;
    last_new_.reset();
}

void HitWriter::fill_values(const Hit& hit, Recording_Hit& to) {
    if (hit.old_value && hit.old_value == last_new_) {
        to.set_old_follows(true);
    } else if (hit.old_value) {
        if (const auto number = number_of(*hit.old_value, hit.width))
            to.set_old_number(*number);
        else
            to.set_old_bytes(to_bytes(hit.old_value->bytes));
    }
    if (hit.new_value) {
        if (const auto number = number_of(*hit.new_value, hit.width))
            to.set_new_number(*number);
        else
            to.set_new_bytes(to_bytes(hit.new_value->bytes));
    }
}

bool HitWriter::add(const Hit& hit) {
    auto& to = *hit_entry_.mutable_hit();
    to.Clear();
    to.set_site(interner_.site(hit));
    to.set_task(interner_.task(hit));
    to.set_time_step_ns(static_cast<std::int64_t>(hit.time_ns - last_ns_));
    to.set_seq_step(static_cast<std::int64_t>(hit.seq - last_seq_ - 1));
    to.set_cpu(hit.cpu);
    fill_values(hit, to);
    to.set_further_traps(hit.traps > 1 ? hit.traps - 1 : 0);
    to.set_no_traps(hit.traps == 0);
    to.set_unordered(hit.unordered);
    to.set_extra_lost(hit.extra_lost);
    to.set_deferred(hit.deferred);
    to.set_undecided(hit.undecided);
    to.set_look_missed(hit.look_missed);
    for (const AlsoTouched& also : hit.also) {
        auto& one = *to.add_also();
        one.set_target(interner_.text(also.target));
        if (also.old_value) one.set_old(to_bytes(also.old_value->bytes));
        if (also.new_value) one.set_new_(to_bytes(also.new_value->bytes));
    }
    if (hit.says) fill(*hit.says, *to.mutable_says());
    for (const Look& look : hit.looks) fill(look, *to.add_look());
    if (hit.guest) fill(*hit.guest, *to.mutable_guest());
    if (!entries_.add(hit_entry_)) return false;
    last_ns_ = hit.time_ns;
    last_seq_ = hit.seq;
    last_new_ = hit.new_value;
    return true;
}

bool HitWriter::add(const Look& look) {
    auto& to = *look_entry_.mutable_look();
    to.Clear();
    fill(look, to);
    return entries_.add(look_entry_);
}

void HitWriter::fill(const ScriptSays& says, Recording_Says& to) {
    static_assert(static_cast<int>(ScriptField::Kind::Text) == Recording_Says_Field_Kind_TEXT &&
                  static_cast<int>(ScriptField::Kind::Address) == Recording_Says_Field_Kind_ADDRESS &&
                  static_cast<int>(ScriptField::Kind::Bool) == Recording_Says_Field_Kind_BOOL &&
                  static_cast<int>(ScriptField::Kind::Signed) == Recording_Says_Field_Kind_SIGNED);
    for (const ScriptField& field : says.fields) {
        auto& one = *to.add_field();
        one.set_kind(static_cast<Recording_Says_Field_Kind>(field.kind));
        one.set_name(interner_.text(field.name));
        one.set_number(field.number);
        one.set_text(field.text);
    }
    for (const Snapshot& snapshot : says.snapshots) {
        auto& one = *to.add_snapshot();
        one.set_address(static_cast<std::int64_t>(snapshot.address));
        one.set_failed(snapshot.failed);
        one.set_bytes(to_bytes(snapshot.bytes));
    }
    to.set_refused(says.refused);
}

void HitWriter::fill(const Look& look, Recording_Look& to) {
    to.set_in_task(look.where == Look::Where::Task);
    to.set_hit(look.hit);
    to.set_time_ns(look.time_ns);
    to.set_due_ns(look.due_ns);
    to.set_cpu(look.cpu);
    to.set_tid(look.tid);
    to.set_hit_was_dropped(look.hit_was_dropped);
    to.set_refused(!look.kept);
    fill(look.says, *to.mutable_says());
}

void HitWriter::fill(const GuestPart& guest, Recording_Guest& to) {
    to.set_domain(guest.domain);
    to.set_domain_name(interner_.text(guest.domain_name));
    to.set_backend(interner_.text(guest.backend));
    if (guest.vcpu) to.set_vcpu(*guest.vcpu);
    if (guest.physical) to.set_physical(*guest.physical);
    if (guest.linear) to.set_linear(*guest.linear);
    to.set_task_known(guest.task_known);
    to.set_ip_known(guest.ip_known);
    to.set_mode_known(guest.mode_known);
    to.set_values_read_later(guest.values_read_later);
    to.set_stack_way(interner_.text(guest.stack_way));
    for (const GuestPart::Register& reg : guest.registers) {
        auto& one = *to.add_register_();
        one.set_name(interner_.text(reg.name));
        one.set_value(reg.value);
    }
    to.set_registers_before(guest.registers_before);
}

} // namespace stakeout
