#include "random_hits.h"

#include <gtest/gtest.h>

namespace stakeout::test {
namespace {

// Every member by name, so that the compiler counts them: a member that is added and forgotten here does not
// compile.
void expect_same(const ScriptSays& one, const ScriptSays& other) {
    const auto& [fields, snapshots, refused] = one;
    ASSERT_EQ(fields.size(), other.fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto& [kind, name, number, text] = fields[i];
        EXPECT_EQ(kind, other.fields[i].kind);
        EXPECT_EQ(name, other.fields[i].name);
        EXPECT_EQ(number, other.fields[i].number);
        EXPECT_EQ(text, other.fields[i].text);
    }
    ASSERT_EQ(snapshots.size(), other.snapshots.size());
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
        const auto& [address, failed, bytes] = snapshots[i];
        EXPECT_EQ(address, other.snapshots[i].address);
        EXPECT_EQ(failed, other.snapshots[i].failed);
        EXPECT_EQ(bytes, other.snapshots[i].bytes);
    }
    EXPECT_EQ(refused, other.refused);
}

void expect_same(const GuestPart& one, const GuestPart& other) {
    const auto& [domain, domain_name, backend, vcpu, physical, linear, task_known, ip_known, mode_known,
                 values_read_later, stack_way, registers, registers_before] = one;
    EXPECT_EQ(domain, other.domain);
    EXPECT_EQ(domain_name, other.domain_name);
    EXPECT_EQ(backend, other.backend);
    EXPECT_EQ(vcpu, other.vcpu);
    EXPECT_EQ(physical, other.physical);
    EXPECT_EQ(linear, other.linear);
    EXPECT_EQ(task_known, other.task_known);
    EXPECT_EQ(ip_known, other.ip_known);
    EXPECT_EQ(mode_known, other.mode_known);
    EXPECT_EQ(values_read_later, other.values_read_later);
    EXPECT_EQ(stack_way, other.stack_way);
    ASSERT_EQ(registers.size(), other.registers.size());
    for (std::size_t i = 0; i < registers.size(); ++i) {
        EXPECT_EQ(registers[i].name, other.registers[i].name);
        EXPECT_EQ(registers[i].value, other.registers[i].value);
    }
    EXPECT_EQ(registers_before, other.registers_before);
}

void expect_same(const Target& one, const Target& other) {
    const auto& [name, type, type_id, is_signed, address, size, cpu_base, note] = one;
    EXPECT_EQ(name, other.name);
    EXPECT_EQ(type, other.type);
    EXPECT_EQ(type_id, other.type_id);
    EXPECT_EQ(is_signed, other.is_signed);
    EXPECT_EQ(address, other.address);
    EXPECT_EQ(size, other.size);
    EXPECT_EQ(cpu_base, other.cpu_base);
    EXPECT_EQ(note, other.note);
}

void expect_same(const ArmedGuest& one, const ArmedGuest& other) {
    const auto& [domain, domain_name, kind, backend, blind_spots, kernel, symbols_from, addresses] = one;
    EXPECT_EQ(domain, other.domain);
    EXPECT_EQ(domain_name, other.domain_name);
    EXPECT_EQ(kind, other.kind);
    EXPECT_EQ(backend, other.backend);
    EXPECT_EQ(blind_spots, other.blind_spots);
    EXPECT_EQ(kernel, other.kernel);
    EXPECT_EQ(symbols_from, other.symbols_from);
    EXPECT_EQ(addresses, other.addresses);
}

} // namespace

void expect_same(const Look& one, const Look& other) {
    const auto& [where, hit, time_ns, due_ns, cpu, tid, hit_was_dropped, kept, says] = one;
    EXPECT_EQ(where, other.where);
    EXPECT_EQ(hit, other.hit);
    EXPECT_EQ(time_ns, other.time_ns);
    EXPECT_EQ(due_ns, other.due_ns);
    EXPECT_EQ(cpu, other.cpu);
    EXPECT_EQ(tid, other.tid);
    EXPECT_EQ(hit_was_dropped, other.hit_was_dropped);
    EXPECT_EQ(kept, other.kept);
    expect_same(says, other.says);
}

void expect_same(const Hit& one, const Hit& other) {
    const auto& [seq, time_ns, cpu, pid, tid, comm, access, target_index, target, address, width, old_value,
                 new_value, ip, instruction, user_mode, unordered, traps, also, kernel_stack, user_stack,
                 says, extra_lost, looks, deferred, undecided, look_missed, guest] = one;
    EXPECT_EQ(seq, other.seq);
    EXPECT_EQ(time_ns, other.time_ns);
    EXPECT_EQ(cpu, other.cpu);
    EXPECT_EQ(pid, other.pid);
    EXPECT_EQ(tid, other.tid);
    EXPECT_EQ(comm, other.comm);
    EXPECT_EQ(access, other.access);
    EXPECT_EQ(target_index, other.target_index);
    EXPECT_EQ(target, other.target);
    EXPECT_EQ(address, other.address);
    EXPECT_EQ(width, other.width);
    EXPECT_EQ(old_value, other.old_value);
    EXPECT_EQ(new_value, other.new_value);
    EXPECT_EQ(ip, other.ip);
    EXPECT_EQ(instruction, other.instruction);
    EXPECT_EQ(user_mode, other.user_mode);
    EXPECT_EQ(unordered, other.unordered);
    EXPECT_EQ(traps, other.traps);
    ASSERT_EQ(also.size(), other.also.size());
    for (std::size_t i = 0; i < also.size(); ++i) {
        EXPECT_EQ(also[i].target, other.also[i].target);
        EXPECT_EQ(also[i].old_value, other.also[i].old_value);
        EXPECT_EQ(also[i].new_value, other.also[i].new_value);
    }
    EXPECT_EQ(kernel_stack, other.kernel_stack);
    EXPECT_EQ(user_stack, other.user_stack);
    ASSERT_EQ(says.has_value(), other.says.has_value());
    if (says) expect_same(*says, *other.says);
    EXPECT_EQ(extra_lost, other.extra_lost);
    ASSERT_EQ(looks.size(), other.looks.size());
    for (std::size_t i = 0; i < looks.size(); ++i) expect_same(looks[i], other.looks[i]);
    EXPECT_EQ(deferred, other.deferred);
    EXPECT_EQ(undecided, other.undecided);
    EXPECT_EQ(look_missed, other.look_missed);
    ASSERT_EQ(guest.has_value(), other.guest.has_value());
    if (guest) expect_same(*guest, *other.guest);
}

void expect_same(const Armed& one, const Armed& other) {
    const auto& [watch, targets, kind, slots, cpus_armed, cpus_online, milliseconds, at_ns, wall_ahead_ns,
                 time_to_live, exception_cost, brake, script, left_out, follow_up_way, follow_ups_pinned,
                 values, guest] = one;
    EXPECT_EQ(watch, other.watch);
    ASSERT_EQ(targets.size(), other.targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i) expect_same(targets[i], other.targets[i]);
    EXPECT_EQ(kind, other.kind);
    EXPECT_EQ(slots, other.slots);
    EXPECT_EQ(cpus_armed, other.cpus_armed);
    EXPECT_EQ(cpus_online, other.cpus_online);
    EXPECT_EQ(milliseconds, other.milliseconds);
    EXPECT_EQ(at_ns, other.at_ns);
    EXPECT_EQ(wall_ahead_ns, other.wall_ahead_ns);
    EXPECT_EQ(time_to_live, other.time_to_live);
    EXPECT_EQ(exception_cost, other.exception_cost);
    EXPECT_EQ(brake, other.brake);
    EXPECT_EQ(script, other.script);
    EXPECT_EQ(left_out, other.left_out);
    EXPECT_EQ(follow_up_way, other.follow_up_way);
    EXPECT_EQ(follow_ups_pinned, other.follow_ups_pinned);
    EXPECT_EQ(values, other.values);
    ASSERT_EQ(guest.has_value(), other.guest.has_value());
    if (guest) expect_same(*guest, *other.guest);
}

void expect_same(const Summary& one, const Summary& other) {
    const auto& [watch, ended_by, reason, hits, records, lost, unseen, joined, foreign, late, filtered,
                 dropped, follow_ups, script_skipped, braked, braked_ns, duration_ns, guest] = one;
    EXPECT_EQ(watch, other.watch);
    EXPECT_EQ(ended_by, other.ended_by);
    EXPECT_EQ(reason, other.reason);
    const auto counts = [](const Summary& s) {
        const auto& [changed, from, comm, when, script, reader_comm, reader_stack, reader_when, follow_up] =
            s.dropped;
        const auto& [deferred, missed, followed, unsent, waiting, task_missed, task_looks] = s.follow_ups;
        return std::vector{s.hits,           s.records,   s.lost,       s.unseen,     s.joined,    s.foreign,
                           s.late,           s.filtered,  changed,      from,         comm,        when,
                           script,           reader_comm, reader_stack, reader_when,  follow_up,   deferred,
                           missed,           followed,    unsent,       waiting,      task_missed, task_looks,
                           s.script_skipped, s.braked,    s.braked_ns,  s.duration_ns};
    };
    EXPECT_EQ(counts(one), counts(other));
    (void)std::tie(hits, records, lost, unseen, joined, foreign, late, filtered, dropped, follow_ups,
                   script_skipped, braked, braked_ns, duration_ns);
    ASSERT_EQ(guest.has_value(), other.guest.has_value());
    if (!guest) return;
    EXPECT_EQ(guest->outside, other.guest->outside);
    EXPECT_EQ(guest->paused_ns, other.guest->paused_ns);
    EXPECT_EQ(guest->lost_at_most, other.guest->lost_at_most);
}

} // namespace stakeout::test
