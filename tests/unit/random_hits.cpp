#include "random_hits.h"

#include <gtest/gtest.h>

#include <array>

namespace stakeout::test {

std::string RandomHits::bytes(std::size_t most) {
    std::string text(below(most + 1), '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
}

std::vector<std::uint8_t> RandomHits::octets(std::size_t most) {
    const std::string text = bytes(most);
    return {text.begin(), text.end()};
}

std::string RandomHits::name() {
    if (one_in(20)) return bytes(40);
    if (one_in(20)) return {"\0\033[2J\n\xff;\"", 9};
    if (one_in(200)) return std::string(3000, 'x');
    return one_in(8) ? "" : "name_" + std::to_string(below(30));
}

std::uint64_t RandomHits::address() {
    return one_in(2) ? 0xffff'ffff'8100'0000 + below(1 << 20U) : below(std::uint64_t{1} << 47U);
}

std::optional<Value> RandomHits::value(std::uint32_t width) {
    if (one_in(8)) return std::nullopt;
    Value value;
    value.bytes = one_in(20) ? octets(40) : std::vector<std::uint8_t>(width);
    if (!one_in(4))
        for (auto& byte : value.bytes) byte = static_cast<std::uint8_t>(random_());
    return value;
}

Frame RandomHits::frame() {
    Frame frame;
    frame.ip = one_in(50) ? random_() : address();
    frame.symbol = name();
    frame.offset = below(5000);
    frame.module = name();
    frame.file = name();
    frame.line = one_in(100) ? -1 : static_cast<int>(below(10000));
    if (one_in(2)) frame.image_address = below(1 << 20U);
    if (one_in(2)) frame.build_id = BuildId(octets(BuildId::most_bytes));
    return frame;
}

std::vector<Frame> RandomHits::stack() {
    if (!stacks_.empty() && !one_in(10)) return stacks_[below(stacks_.size())];
    std::vector<Frame> frames(below(12));
    for (Frame& one : frames) one = frame();
    stacks_.push_back(frames);
    return frames;
}

ScriptSays RandomHits::says() {
    ScriptSays says;
    for (std::uint64_t i = below(4); i > 0; --i)
        says.fields.push_back({static_cast<ScriptField::Kind>(below(5)), name(), random_(), bytes(20)});
    for (std::uint64_t i = below(3); i > 0; --i) says.snapshots.push_back({address(), one_in(3), octets(64)});
    says.refused = static_cast<std::uint32_t>(below(3));
    return says;
}

Look RandomHits::look() {
    Look look;
    look.where = one_in(2) ? Look::Where::Softirq : Look::Where::Task;
    look.hit = below(1000);
    look.time_ns = time_ns_ + below(1000);
    look.due_ns = time_ns_;
    look.cpu = static_cast<std::uint32_t>(below(512));
    look.tid = static_cast<std::uint32_t>(random_());
    look.hit_was_dropped = one_in(3);
    look.kept = !one_in(3);
    look.says = says();
    return look;
}

GuestPart RandomHits::guest() {
    GuestPart guest;
    guest.domain = static_cast<std::uint32_t>(below(100));
    guest.domain_name = name();
    guest.backend = "mem-access";
    if (one_in(2)) guest.vcpu = below(8);
    if (one_in(2)) guest.physical = random_();
    if (one_in(2)) guest.linear = random_();
    guest.task_known = one_in(2);
    guest.ip_known = one_in(2);
    guest.mode_known = one_in(2);
    guest.values_read_later = one_in(2);
    guest.stack_way = "linked";
    for (std::uint64_t i = below(19); i > 0; --i)
        guest.registers.push_back({"r" + std::to_string(i), random_()});
    guest.registers_before = one_in(2);
    return guest;
}

Hit RandomHits::hit() {
    Hit hit;
    seq_ += one_in(20) ? below(100) : 1;
    time_ns_ += below(100'000);
    hit.seq = one_in(100) ? random_() : seq_;
    hit.time_ns = one_in(20) ? time_ns_ - below(1'000'000) : time_ns_;
    hit.cpu = static_cast<std::uint32_t>(below(512));
    hit.pid = static_cast<std::uint32_t>(one_in(50) ? random_() : below(4));
    hit.tid = static_cast<std::uint32_t>(below(4));
    hit.comm = name();
    hit.access = std::array{Access::Read, Access::Write, Access::Execute, Access::Unknown}[below(4)];
    hit.target_index = below(targets_);
    hit.target = name();
    hit.address = address();
    hit.width = std::array{0U, 1U, 2U, 4U, 8U, 11U, 16U}[below(7)];
    hit.old_value = value(hit.width);
    hit.new_value = value(hit.width);
    hit.ip = address();
    if (!one_in(4)) {
        hit.instruction = Instruction{address(), name(), {}};
        hit.instruction->code.start = address();
        hit.instruction->code.size = static_cast<std::uint32_t>(below(CodeBytes::most + 1));
        for (std::size_t i = 0; i < hit.instruction->code.size; ++i)
            hit.instruction->code.bytes[i] = static_cast<std::uint8_t>(random_());
    }
    hit.user_mode = one_in(2);
    hit.unordered = one_in(5);
    hit.traps = one_in(50) ? 0 : 1 + static_cast<std::uint32_t>(below(3));
    for (std::uint64_t i = one_in(10) ? below(4) : 0; i > 0; --i)
        hit.also.push_back({name(), value(8), value(3)});
    hit.kernel_stack = stack();
    hit.user_stack = stack();
    if (one_in(5)) hit.says = says();
    hit.extra_lost = one_in(9);
    for (std::uint64_t i = one_in(9) ? below(3) : 0; i > 0; --i) hit.looks.push_back(look());
    hit.deferred = one_in(9);
    hit.undecided = one_in(9);
    hit.look_missed = one_in(9);
    if (one_in(9)) hit.guest = guest();
    return hit;
}

Armed RandomHits::armed() {
    Armed armed;
    armed.watch = name();
    targets_ = 1 + below(4);
    for (std::size_t i = 0; i < targets_; ++i) {
        Target target;
        target.name = name();
        target.type = name();
        target.type_id = static_cast<std::uint32_t>(random_());
        target.is_signed = one_in(2);
        target.address = random_();
        target.size = below(33);
        if (one_in(2)) target.cpu_base = {random_(), 0, random_()};
        target.note = name();
        armed.targets.push_back(target);
        armed.values.push_back(value(8));
        armed.slots.push_back({random_(), 8, i});
    }
    armed.kind = static_cast<AccessKind>(below(4));
    for (std::uint64_t i = below(5); i > 0; --i)
        armed.cpus_armed.push_back(static_cast<std::uint32_t>(below(512)));
    for (std::uint64_t i = below(5); i > 0; --i)
        armed.cpus_online.push_back(static_cast<std::uint32_t>(below(512)));
    armed.milliseconds = static_cast<double>(below(1000)) / 7;
    armed.at_ns = time_ns_;
    armed.wall_ahead_ns = static_cast<std::int64_t>(random_() >> 2U) * (one_in(2) ? 1 : -1);
    armed.time_to_live = std::chrono::nanoseconds(below(1'000'000'000'000));
    armed.exception_cost = std::chrono::nanoseconds(below(10'000));
    armed.brake = one_in(2);
    armed.script = name();
    armed.left_out = {name(), name()};
    if (!one_in(4)) armed.follow_up_way = static_cast<FollowUpWay>(below(3));
    armed.follow_ups_pinned = one_in(2);
    if (one_in(2))
        armed.guest = ArmedGuest{static_cast<std::uint32_t>(below(9)),
                                 name(),
                                 "PV",
                                 "debug-register",
                                 {name(), name()},
                                 name(),
                                 name(),
                                 {random_(), 0}};
    return armed;
}

Summary RandomHits::summary() {
    Summary sum;
    sum.watch = name();
    sum.ended_by = static_cast<EndedBy>(below(8));
    sum.reason = name();
    for (auto* count : {&sum.hits, &sum.records, &sum.lost, &sum.unseen, &sum.joined, &sum.foreign, &sum.late,
                        &sum.filtered, &sum.script_skipped, &sum.braked, &sum.braked_ns, &sum.duration_ns})
        *count = random_();
    Dropped& d = sum.dropped;
    for (auto* count : {&d.changed, &d.from, &d.comm, &d.when, &d.script, &d.reader_comm, &d.reader_stack,
                        &d.reader_when, &d.follow_up})
        *count = random_();
    auto& f = sum.follow_ups;
    for (auto* count :
         {&f.deferred, &f.missed, &f.followed, &f.unsent, &f.waiting, &f.task_missed, &f.task_looks})
        *count = random_();
    if (one_in(2)) sum.guest = Summary::Guest{random_(), random_(), one_in(2)};
    return sum;
}

CoverageChange RandomHits::coverage() {
    return {.cpu = static_cast<std::uint32_t>(below(512)),
            .online = one_in(2),
            .armed = one_in(2),
            .gap_from_ns = below(1000),
            .gap_to_ns = below(1000),
            .reason = name(),
            .cpus_armed = below(512),
            .cpus_online = below(512)};
}

} // namespace stakeout::test
