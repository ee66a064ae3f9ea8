#include "loader/hit_program.h"

#include "loader/libbpf_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <hit.skel.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {

struct HitProgram::State {
    struct Destroy {
        void operator()(hit_bpf* loaded) const { hit_bpf__destroy(loaded); }
    };
    std::unique_ptr<hit_bpf, Destroy> object;
    std::span<so_cpu> cpus; // shared with the running program: touched through std::atomic_ref only

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (!cpus.empty()) ::munmap(cpus.data(), cpus.size_bytes());
    }
};

HitProgram::HitProgram() : state_(std::make_unique<State>()) {}
HitProgram::~HitProgram() = default;

namespace {

Error load_error(const char* step, int errno_value) {
    std::string words = take_libbpf_messages();
    if (errno_value == EPERM || errno_value == EACCES)
        return arm_error("load the hit program", "this needs root, or CAP_BPF with CAP_PERFMON",
                         "run it as root (sudo stakeout ...)", errno_value);
    return arm_error("load the hit program",
                     fmt::format("{} failed{}{}", step, words.empty() ? "" : ": ", words),
                     "run `stakeout doctor` to see what this kernel allows", errno_value);
}

void configure(hit_bpf& object, const HitProgramConfig& config) {
    auto& fixed = *object.rodata;
    std::copy(config.region_size.begin(), config.region_size.end(), std::begin(fixed.region_size));
    fixed.user_regions = config.user_regions;
    fixed.per_cpu_values = config.per_cpu_values;
    fixed.joins_possible = config.joins_possible;
    fixed.target_mm = config.target_mm;
    fixed.mm_offset = config.mm_offset;
    fixed.target_pgd = config.target_pgd;
    fixed.direct_map = config.direct_map;
    fixed.page_levels = config.page_levels;
    fixed.kernel_stack_bytes = std::min<std::uint32_t>(config.kernel_depth, SO_MAX_DEPTH) * 8;
    fixed.user_stack_bytes = std::min<std::uint32_t>(config.user_depth, SO_MAX_DEPTH) * 8;
    fixed.max_hits = config.max_hits;
    fixed.window_ns = config.brake_window_ns;
    fixed.window_budget_ns = config.brake_budget_ns;
    fixed.window_max_hits = config.brake_max_hits;
    fixed.staged = config.staged;
    fixed.runs_script = config.runs_script;
    fixed.shows_pid = config.shows_pid || config.runs_script;
    fixed.shows_comm = config.shows_comm || config.runs_script;
    fixed.asks_time_first = !config.staged || config.runs_script || config.brake_window_ns != 0;
    fixed.has_fields = config.has_fields;
    fixed.runs_foreign = config.runs_foreign;
    fixed.kicks_wanted = config.kicks;
    fixed.certain_access = config.certain_access;
}

} // namespace

std::uint32_t possible_cpus() {
    const int count = libbpf_num_possible_cpus();
    return count > 0 ? static_cast<std::uint32_t>(count) : 1;
}

Result<std::unique_ptr<HitProgram>> HitProgram::load(const HitProgramConfig& config) {
    capture_libbpf_messages();
    std::unique_ptr<HitProgram> program(
        new HitProgram()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    State& state = *program->state_;
    state.object.reset(hit_bpf__open());
    if (!state.object) return load_error("opening it", errno);

    const std::uint32_t cpu_count = possible_cpus();
    bpf_map__set_max_entries(state.object->maps.cpus, cpu_count);
    bpf_map__set_max_entries(state.object->maps.plans, cpu_count);
    if (config.ring_bytes != 0) bpf_map__set_max_entries(state.object->maps.records, config.ring_bytes);
    bpf_map__set_max_entries(state.object->maps.last_values, cpu_count * SO_REGIONS);
    bpf_map__set_max_entries(state.object->maps.so_queues, config.follows_up ? cpu_count : 1);
    configure(*state.object, config);
    bpf_program__set_autoload(state.object->progs.conclude, config.staged);
    bpf_program__set_autoload(state.object->progs.tell_own_memory, config.tell_own_memory);
    if (const int failed = hit_bpf__load(state.object.get()); failed != 0)
        return load_error("loading it", -failed);

    const int fd = bpf_map__fd(state.object->maps.cpus);
    void* mapped = ::mmap(nullptr, cpu_count * sizeof(so_cpu), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return load_error("mapping its counters", errno);
    state.cpus = std::span(static_cast<so_cpu*>(mapped), cpu_count);
    if (config.staged) {
        const int last = bpf_program__fd(state.object->progs.conclude);
        for (const std::uint32_t stage : {SO_FIRST, SO_SECOND, SO_CONCLUDE})
            if (auto set = program->set_stage(stage, last); !set) return std::move(set).error();
    }
    return program;
}

int HitProgram::hits_fd() const { return bpf_map__fd(state_->object->maps.so_hits); }
int HitProgram::stages_fd() const { return bpf_map__fd(state_->object->maps.so_stages); }
int HitProgram::queues_fd() const { return bpf_map__fd(state_->object->maps.so_queues); }
int HitProgram::kicks_fd() const { return bpf_map__fd(state_->object->maps.so_kicks); }

Status HitProgram::set_stage(std::uint32_t stage, int program_fd) {
    if (bpf_map_update_elem(stages_fd(), &stage, &program_fd, BPF_ANY) != 0)
        return load_error("joining the script to it", errno);
    return done();
}

int HitProgram::program_fd() const { return bpf_program__fd(state_->object->progs.on_access); }
int HitProgram::probe_fd() const { return bpf_program__fd(state_->object->progs.probe); }
int HitProgram::ring_fd() const { return bpf_map__fd(state_->object->maps.records); }

Status HitProgram::set_plan(std::uint32_t cpu, const so_plan& plan) {
    if (bpf_map_update_elem(bpf_map__fd(state_->object->maps.plans), &cpu, &plan, BPF_ANY) != 0)
        return load_error("writing the slot plan", errno);
    return done();
}

Status HitProgram::set_last_value(std::uint32_t cpu, std::uint32_t region,
                                  std::span<const std::uint8_t> bytes) {
    std::array<std::uint8_t, SO_REGION_BYTES> value{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), value.size()), value.begin());
    const std::uint32_t key = cpu * SO_REGIONS + region;
    if (bpf_map_update_elem(bpf_map__fd(state_->object->maps.last_values), &key, value.data(), BPF_ANY) != 0)
        return load_error("writing the first value", errno);
    return done();
}

namespace {
// Globals and counters that the running program shares with us.
template <class T>
void store(T& shared, std::uint64_t value) {
    std::atomic_ref<T>(shared).store(value);
}
template <class T>
std::uint64_t fetch(T& shared) {
    return std::atomic_ref<T>(shared).load();
}
} // namespace

void HitProgram::set_deadline(std::uint64_t monotonic_ns) {
    store(state_->object->bss->deadline_ns, monotonic_ns);
}
void HitProgram::set_exception_cost(std::uint64_t ns) { store(state_->object->bss->exception_ns, ns); }
void HitProgram::end() { store(state_->object->bss->ended, 1); }
bool HitProgram::has_ended() const { return fetch(state_->object->bss->ended) != 0; }
std::uint64_t HitProgram::hits_seen() const { return fetch(state_->object->bss->order.next_seq); }

so_cpu HitProgram::counters(std::uint32_t cpu) const {
    so_cpu& from = state_->cpus[cpu];
    so_cpu copy{};
    copy.runs = fetch(from.runs);
    copy.recorded = fetch(from.recorded);
    copy.lost = fetch(from.lost);
    copy.joined = fetch(from.joined);
    copy.foreign = fetch(from.foreign);
    copy.late = fetch(from.late);
    copy.window_start_ns = fetch(from.window_start_ns);
    copy.used_ns = fetch(from.used_ns);
    copy.window_hits = fetch(from.window_hits);
    copy.stopped_ns = fetch(from.stopped_ns);
    copy.stopped_mask = fetch(from.stopped_mask);
    copy.last_hit_ns = fetch(from.last_hit_ns);
    copy.script_skipped = fetch(from.script_skipped);
    for (std::size_t by = 0; by < SO_DROPS; ++by) copy.dropped[by] = fetch(from.dropped[by]);
    for (std::size_t slot = 0; slot < SO_SLOTS; ++slot) copy.slot_runs[slot] = fetch(from.slot_runs[slot]);
    return copy;
}

void HitProgram::clear_stopped(std::uint32_t cpu, std::uint64_t slot_mask) {
    std::atomic_ref(state_->cpus[cpu].stopped_mask).fetch_and(~slot_mask);
}

Result<std::vector<HitProgram::OwnRange>> HitProgram::own_memory() const {
    LIBBPF_OPTS(bpf_test_run_opts, run);
    if (bpf_prog_test_run_opts(bpf_program__fd(state_->object->progs.tell_own_memory), &run) != 0)
        return internal_error("find the hit program's own memory", "the program could not be run", errno);
    const auto& own = state_->object->bss->own_memory;
    constexpr std::uint64_t page = 4096;
    const std::uint64_t cpu_count = state_->cpus.size();
    const std::uint64_t ring_bytes = 2 * std::uint64_t{bpf_map__max_entries(state_->object->maps.records)};
    // The ring's data is mapped twice in a row, and the byte may be anywhere in it.
    std::vector<OwnRange> ranges{{own.globals & ~(page - 1), page},
                                 {own.cpus, cpu_count * sizeof(so_cpu)},
                                 {own.plans, cpu_count * sizeof(so_plan)},
                                 {own.last_values, cpu_count * SO_REGIONS * SO_REGION_BYTES},
                                 {own.scratch, page},
                                 {own.hit, sizeof(hit)},
                                 {own.queues, sizeof(so_queue)},
                                 {own.ring - std::min<std::uint64_t>(own.ring, ring_bytes), 2 * ring_bytes}};
    std::erase_if(ranges, [](const OwnRange& range) { return range.start == 0; });
    return ranges;
}

bool HitProgram::stopped_by_script() const { return fetch(state_->object->bss->script_stopped) != 0; }

HitProgram::FollowUpCounts HitProgram::follow_up_counts() const {
    FollowUpCounts sum;
    const auto value = std::make_unique<so_queue>(); // too large for the stack
    const so_queue& queue = *value;
    const std::uint32_t queues = bpf_map__max_entries(state_->object->maps.so_queues);
    for (std::uint32_t cpu = 0; cpu < queues; ++cpu) {
        if (bpf_map_lookup_elem(queues_fd(), &cpu, value.get()) != 0) continue;
        sum.deferred += queue.deferred;
        sum.missed += queue.missed;
        sum.followed += queue.followed;
        sum.unsent += queue.unsent;
        sum.waiting += queue.waits;
        sum.task_missed += queue.task_missed;
        sum.task_looks += queue.task_looks;
    }
    return sum;
}

void HitProgram::start_probe(bool answer) {
    store(state_->object->bss->probe_answer, answer ? 1 : 0);
    store(state_->object->bss->probe_runs, 0);
}
std::uint64_t HitProgram::probe_runs() const { return fetch(state_->object->bss->probe_runs); }

} // namespace stakeout
