// Arming: every step can refuse, and whatever was taken until then is given back by the owners in State.
#include "watchpoints/arm/watch.h"

#include "watchpoints/arm/direct_map.h"
#include "watchpoints/arm/own_memory.h"
#include "watchpoints/arm/seed.h"
#include "watchpoints/arm/warm_up.h"
#include "watchpoints/arm/watch_state.h"

#include <fmt/format.h>

#include <algorithm>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {

Watch::Watch() : state_(std::make_unique<State>()) {}
Watch::~Watch() = default;
const Armed& Watch::armed() const { return state_->armed; }

namespace {

HitProgramConfig program_config(const WatchRequest& request, std::size_t slots) {
    HitProgramConfig config;
    for (std::size_t i = 0; i < request.targets.size(); ++i)
        config.region_size[i] = request.kind == AccessKind::Execute ? 0 : request.targets[i].size;
    config.user_regions = request.process.has_value();
    config.per_cpu_values = std::any_of(request.targets.begin(), request.targets.end(),
                                        [](const Target& target) { return target.is_per_cpu(); });
    config.joins_possible = slots > 1 || (config.user_regions && !request.exclude_kernel);
    if (request.process) {
        config.target_mm = request.process->mm;
        config.mm_offset = request.process->mm_offset;
    }
    // The ring is mapped twice in a row. Half of it is room enough for what the brake lets through; without a
    // brake none is too much.
    if (request.kept && request.brake.on) config.ring_bytes = 4U << 20;
    config.tell_own_memory = !request.process && request.kind != AccessKind::Execute;
    config.kernel_depth = request.kernel_depth;
    config.user_depth = request.user_depth;
    if (request.kind == AccessKind::Write) config.certain_access = SO_WRITE;
    if (request.kind == AccessKind::Execute) config.certain_access = SO_EXECUTE;
    if (request.brake.on) {
        config.brake_window_ns = static_cast<std::uint64_t>(Brake::window.count());
        config.brake_budget_ns = static_cast<std::uint64_t>(Brake::budget.count());
        config.brake_max_hits = request.brake.window_max_hits();
    }
    return config;
}

// A watch for reads must not trap our own reading of the value (bpf/hit.bpf.c, kernel_alias). Where the
// direct map cannot be found, the value is read as user memory all the same; those traps then show as unseen.
void read_through_alias(HitProgramConfig& config, const WatchRequest& request, const KernelPeek& peek) {
    const bool traps_reads = request.kind == AccessKind::ReadWrite || request.kind == AccessKind::Read;
    if (!traps_reads || !request.process || request.process->pgd == 0) return;
    const auto map = find_direct_map(peek, request.process->pgd);
    if (!map) return;
    config.target_pgd = request.process->pgd;
    config.direct_map = map->base;
    config.page_levels = map->page_levels;
}

Trap trap_of(AccessKind kind) {
    switch (kind) {
    case AccessKind::Write:
        return Trap::OnWrite;
    case AccessKind::Execute:
        return Trap::OnExecute;
    case AccessKind::Read:
    case AccessKind::ReadWrite:
        break;
    }
    return Trap::OnReadOrWrite;
}

int event_limit(const WatchRequest& request, const Calibration& calibration) {
    if (calibration.stop_way == StopWay::ByReturn) return 1;
    return request.brake.on ? request.brake.limit_in_hits(calibration) : 0;
}

std::string new_watch_id() {
    std::uint64_t bits = monotonic_ns();
    bits = (bits ^ (bits >> 29U)) * 0xbf58476d1ce4e5b9ULL;
    return fmt::format("w{:06x}", (bits >> 20U) & 0xffffffU);
}

// Gives the hit program each target's value, so that the first hit's `old` is right.
Status seed_values(Armed& armed, HitProgram& program, const WatchRequest& request, const KernelPeek* peek) {
    armed.values.assign(request.targets.size(), std::nullopt);
    if (request.kind == AccessKind::Execute) return done();
    for (std::size_t region = 0; region < request.targets.size(); ++region) {
        const Target& target = request.targets[region];
        const bool per_cpu = std::any_of(request.targets.begin(), request.targets.end(),
                                         [](const Target& any) { return any.is_per_cpu(); });
        for (const std::uint32_t cpu : per_cpu ? armed.cpus_online : std::vector<std::uint32_t>{0}) {
            auto value = read_value(target, cpu, peek, request.process);
            if (!value) continue; // not mapped yet: the first hit's old value is zero, as the memory will be
            auto written = program.set_last_value(cpu, static_cast<std::uint32_t>(region), value->bytes);
            if (!written) return written;
            if (!target.is_per_cpu()) armed.values[region] = std::move(value);
        }
    }
    return done();
}

std::unique_ptr<HitBuilder> make_builder(const WatchRequest& request, const std::vector<Slot>& slots,
                                         const KernelPeek* peek, Symboliser& symboliser) {
    std::vector<HitBuilder::TargetFacts> targets;
    targets.reserve(request.targets.size());
    for (const Target& target : request.targets)
        targets.push_back(
            {target.name, request.kind == AccessKind::Execute ? 0 : static_cast<std::uint32_t>(target.size)});
    std::vector<HitBuilder::SlotFacts> facts;
    facts.reserve(slots.size());
    for (const Slot& slot : slots) facts.push_back({slot.length});
    return std::make_unique<HitBuilder>(trap_of(request.kind), std::move(targets), std::move(facts), peek,
                                        symboliser);
}

} // namespace

// The steps of arming, in order. Each refuses with an error, and the owners in State give back what was taken
// before.
Status Watch::State::load_program(const std::vector<Slot>& slots) {
    auto loaded_peek = KernelPeek::load();
    if (!loaded_peek) return std::move(loaded_peek).error();
    peek = std::move(*loaded_peek);
    HitProgramConfig config = program_config(request, slots.size());
    const ScriptPlan* script = request.script ? &*request.script : nullptr;
    auto staged = Stages::open(request.rules, script);
    if (!staged) return std::move(staged).error();
    stages = std::move(*staged);
    stages->configure(config);
    // Where the reader has the last word on which hits are shown, it counts them too: --r drops writes only
    // after decoding, follow-ups come after their hits.
    reader_counts = request.kind == AccessKind::Read || request.rules.reader != nullptr ||
                    (stages->script() != nullptr && stages->script()->follows_up());
    config.max_hits = reader_counts ? 0 : request.count;
    read_through_alias(config, request, *peek);
    auto loaded = HitProgram::load(config);
    if (!loaded) return std::move(loaded).error();
    program = std::move(*loaded);
    if (config.tell_own_memory)
        if (auto fine = check_not_own_memory(request.targets, *program); !fine) return fine;
    if (auto joined = stages->join(*program, request.rules, script, request.targets); !joined) return joined;
    auto opened = Reader::open(program->ring_fd(), config.joins_possible,
                               [this](JoinedHit&& hit) { taken.push_back(std::move(hit)); });
    if (!opened) return std::move(opened).error();
    reader = std::move(*opened);
    if (const ScriptProgram* follower = stages->script(); follower != nullptr && follower->follows_up())
        if (auto followed = reader->follow(follower->looks_fd(), program->kicks_fd(),
                                           [this](RawExtra&& look) { looks.push_back(std::move(look)); });
            !followed)
            return followed;
    if (request.warm_up) request.warm_up->finish();
    return done();
}

Status Watch::State::take_slots(const std::vector<Slot>& slots, const std::vector<std::uint32_t>& cpus) {
    Coverage::Plan plan{slots, request.targets, request.kind, request.exclude_kernel, StopWay::ByReturn, 1};
    auto calibrated = calibrate(*program);
    if (!calibrated) {
        // No slot even for that: say which CPU has none for the target itself.
        Coverage wanted(*program, std::move(plan));
        if (auto fits = wanted.take(cpus); !fits) return fits;
        return std::move(calibrated).error();
    }
    calibration = *calibrated;
    program->set_exception_cost(static_cast<std::uint64_t>(calibration.exception_cost.count()));
    plan.stop_way = calibration.stop_way;
    plan.limit = event_limit(request, calibration);
    coverage = std::make_unique<Coverage>(*program, std::move(plan));
    return coverage->take(cpus);
}

Status Watch::State::prepare_reading(const std::vector<Slot>& slots) {
    auto followed = TargetLife::follow(request.process, request.objects, peek.get());
    if (!followed) return std::move(followed).error();
    life = std::move(*followed);
    if (request.kernel_symbols != nullptr) symboliser.use_kernel_symbols(request.kernel_symbols);
    // Its maps are read while it surely lives: its stacks can be told after its end too.
    if (request.process) symboliser.notice_process(static_cast<std::uint32_t>(request.process->pid));
    for (const WatchedObject& object : request.objects) symboliser.notice_process(object.tid);
    builder = make_builder(request, slots, peek.get(), symboliser);
    if (const ScriptProgram* script = stages->script(); script != nullptr)
        builder->use_fields(script->fields());
    return done();
}

void Watch::State::tell_of_script() {
    const ScriptProgram* script = stages->script();
    if (script == nullptr) return;
    armed.script = request.script->name;
    armed.left_out = script->left_out();
    if (const FollowUps* follow_ups = stages->follow_ups(); follow_ups != nullptr) {
        armed.follow_up_way = follow_ups->way();
        armed.follow_ups_pinned = follow_ups->pinned();
    }
}

Status Watch::State::enable() {
    if (auto seeded = seed_values(armed, *program, request, peek.get()); !seeded) return seeded;
    if (auto enabled = coverage->enable_all(); !enabled) return enabled;
    armed_at_ns = monotonic_ns();
    deadline_ns = armed_at_ns + static_cast<std::uint64_t>(request.time_to_live.count());
    program->set_deadline(deadline_ns);
    const auto armed_after = std::chrono::steady_clock::now() - request.process_start;
    armed.milliseconds = std::chrono::duration<double, std::milli>(armed_after).count();

    constexpr std::uint64_t grace_ns = 1'000'000'000; // for our own orderly end
    auto started = Guardian::start(std::size_t{possible_cpus()} * slots_per_cpu, deadline_ns, grace_ns);
    if (!started) return std::move(started).error();
    guardian = std::move(*started);
    coverage->guard_with(guardian.get());
    return done();
}

Result<std::unique_ptr<Watch>> Watch::arm(WatchRequest request) {
    std::unique_ptr<Watch> watch(new Watch()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    State& s = *watch->state_;
    s.request = std::move(request);
    auto slots = plan_slots(s.request.targets, s.request.kind);
    if (!slots) return std::move(slots).error();
    auto cpus = online_cpus();
    if (!cpus) return std::move(cpus).error();
    s.armed.cpus_online = *cpus;

    if (auto step = s.load_program(*slots); !step) return std::move(step).error();
    if (auto step = s.take_slots(*slots, *cpus); !step) return std::move(step).error();
    if (auto step = s.prepare_reading(*slots); !step) return std::move(step).error();
    if (auto step = s.enable(); !step) return std::move(step).error();

    s.armed.watch = new_watch_id();
    s.armed.targets = s.request.targets;
    s.armed.kind = s.request.kind;
    s.armed.slots = *slots;
    s.armed.cpus_armed = s.coverage->cpus();
    s.armed.at_ns = s.armed_at_ns;
    s.armed.wall_ahead_ns = wall_ahead_ns();
    s.armed.time_to_live = s.request.time_to_live;
    s.armed.exception_cost = s.calibration.exception_cost;
    s.armed.brake = s.request.brake.on;
    s.tell_of_script();
    return watch;
}

} // namespace stakeout
