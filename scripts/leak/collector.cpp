#include "scripts/leak/collector.h"

#include "base/monotonic_clock.h"
#include "loader/libbpf_log.h"
#include "scripts/leak/code_map.h"
#include "scripts/probes/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <leak.skel.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <thread>
#include <utility>

namespace stakeout {
namespace {

struct DestroyObject {
    void operator()(leak_bpf* object) const { leak_bpf__destroy(object); }
};

// All keys and values of a hash map, a batch at a time.
template <class Key, class Value, class Visit>
void each_entry(int map, const Visit& visit) {
    constexpr std::uint32_t at_once = 4096;
    std::vector<Key> keys(at_once);
    std::vector<Value> values(at_once);
    std::array<std::uint32_t, 2> place{};
    for (bool first = true;; first = false) {
        std::uint32_t count = at_once;
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        const int failed = bpf_map_lookup_batch(map, first ? nullptr : place.data(), place.data(),
                                                keys.data(), values.data(), &count, &options);
        if (failed != 0 && errno != ENOENT) return;
        for (std::uint32_t i = 0; i < count; ++i) visit(keys[i], values[i]);
        if (failed != 0) return; // ENOENT: that was the last batch
    }
}

leak_counters sum_counters(const leak_bpf& object) {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return {};
    std::vector<leak_counters> each(static_cast<std::size_t>(cpus));
    const std::uint32_t key = 0;
    leak_counters sum{};
    if (bpf_map_lookup_elem(bpf_map__fd(object.maps.counters), &key, each.data()) != 0) return sum;
    for (const leak_counters& one : each) {
        sum.entries += one.entries;
        sum.tracked += one.tracked;
        sum.frees += one.frees;
        sum.full += one.full;
        sum.no_stack += one.no_stack;
        sum.work_ns += one.work_ns;
        for (std::size_t role = 0; role < LEAK_ROLES; ++role)
            sum.calls[role] += one.calls[role]; // NOLINT(*-constant-array-index)
    }
    return sum;
}

} // namespace

struct Collector::State {
    Config config;
    std::unique_ptr<leak_bpf, DestroyObject> object;
    std::vector<AllocatorSite> sites;
    ProbeCost cost;
    std::vector<Probe> always;
    std::map<std::size_t, std::vector<Probe>> windowed; // by index into `sites`: the return, then the entry
    std::vector<std::jthread> detaching;
    bool open = false;
    std::uint64_t opened_ns = 0, exposed_ns = 0;

    [[nodiscard]] Status load();
    [[nodiscard]] Status attach_frees();
    [[nodiscard]] Status attach_site(const AllocatorSite& site, bpf_program* program, bool at_return,
                                     std::vector<Probe>& links) const;
    [[nodiscard]] Status attach_allocation(const AllocatorSite& site, std::vector<Probe>& links);
    [[nodiscard]] Status attach_tracepoint(bpf_program* program);
    [[nodiscard]] bool is_busy(AllocatorRole role) const;
    [[nodiscard]] bpf_program* entry_of(AllocatorRole role) const;
};

Collector::Collector() : state_(std::make_unique<State>()) {}
Collector::~Collector() = default;

Status Collector::State::load() {
    capture_libbpf_messages();
    object.reset(leak_bpf__open());
    if (!object) return internal_error("open the allocation probes", take_libbpf_messages(), errno);
    object->rodata->older_ns = static_cast<std::uint64_t>(config.older.count());
    object->rodata->own_pid = static_cast<std::uint32_t>(::getpid());
    auto& programs = object->progs;
    const std::array kernel{programs.kmalloc,         programs.kmem_cache_alloc, programs.kfree,
                            programs.kmem_cache_free, programs.mm_page_alloc,    programs.mm_page_free};
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object->obj) {
        const bool of_kernel = std::find(kernel.begin(), kernel.end(), program) != kernel.end();
        bpf_program__set_autoload(program, of_kernel != config.pid.has_value());
    }
    if (leak_bpf__load(object.get()) == 0) return done();
    const int why = errno;
    return probes_not_loaded("allocation probes", why);
}

bpf_program* Collector::State::entry_of(AllocatorRole role) const {
    const auto& programs = object->progs;
    switch (role) {
    case AllocatorRole::Calloc:
        return programs.calloc_begins;
    case AllocatorRole::Realloc:
        return programs.realloc_begins;
    case AllocatorRole::Memalign:
        return programs.memalign_begins;
    case AllocatorRole::PosixMemalign:
        return programs.posix_memalign_begins;
    case AllocatorRole::Mmap:
        return programs.mmap_begins;
    case AllocatorRole::Malloc:
    case AllocatorRole::Free:
    case AllocatorRole::Munmap:
        break;
    }
    return programs.malloc_begins;
}

Status Collector::State::attach_site(const AllocatorSite& site, bpf_program* program, bool at_return,
                                     std::vector<Probe>& links) const {
    auto probe = probe_process(program, *config.pid, site.path, site.file_offset, at_return,
                               fmt::format("{} of {}", site.function, site.path));
    if (!probe) return std::move(probe).error();
    links.push_back(std::move(*probe));
    return done();
}

// The return first: an entry without its return would leave a size behind.
Status Collector::State::attach_allocation(const AllocatorSite& site, std::vector<Probe>& links) {
    bpf_program* at_return =
        site.role == AllocatorRole::Mmap ? object->progs.mmap_ends : object->progs.allocation_ends;
    if (auto attached = attach_site(site, at_return, true, links); !attached) return attached;
    return attach_site(site, entry_of(site.role), false, links);
}

Status Collector::State::attach_tracepoint(bpf_program* program) {
    auto probe = probe_tracepoint(program);
    if (!probe) return std::move(probe).error();
    always.push_back(std::move(*probe));
    return done();
}

// What stays attached from the beginning to the end; for the kernel that is everything, for a tracepoint
// without work costs little.
Status Collector::State::attach_frees() {
    auto& programs = object->progs;
    if (!config.pid) {
        for (bpf_program* program : {programs.kfree, programs.kmem_cache_free, programs.mm_page_free,
                                     programs.kmalloc, programs.kmem_cache_alloc, programs.mm_page_alloc})
            if (auto attached = attach_tracepoint(program); !attached) return attached;
        return done();
    }
    for (const AllocatorSite& site : sites) {
        bpf_program* program = nullptr;
        if (site.role == AllocatorRole::Free) program = programs.free_called;
        if (site.role == AllocatorRole::Realloc) program = programs.realloc_called;
        if (site.role == AllocatorRole::Munmap) program = programs.munmap_called;
        if (program != nullptr)
            if (auto attached = attach_site(site, program, false, always); !attached) return attached;
        // Maps are rare: their probes need no windows to be cheap.
        if (site.role == AllocatorRole::Mmap)
            if (auto attached = attach_allocation(site, always); !attached) return attached;
    }
    return done();
}

Result<std::unique_ptr<Collector>> Collector::start(const Config& config) {
    std::unique_ptr<Collector> collector(
        new Collector()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    State& s = *collector->state_;
    s.config = config;
    if (config.pid) {
        auto maps = ProcessMaps::read(*config.pid);
        if (!maps) return std::move(maps).error();
        auto sites = find_allocators(*config.pid, *maps);
        if (!sites) return std::move(sites).error();
        s.sites = std::move(*sites);
    }
    if (auto loaded = s.load(); !loaded) return std::move(loaded).error();
    if (config.pid)
        s.cost = measure_probe_cost(*s.object->progs.malloc_begins, *s.object->progs.allocation_ends);
    collector->follow_maps();
    if (auto attached = s.attach_frees(); !attached) return std::move(attached).error();
    return collector;
}

Status Collector::open_window() {
    State& s = *state_;
    if (s.open) return done();
    settle();
    // The busiest, malloc, comes last: its traps cost from here on.
    for (std::size_t i = s.sites.size(); i-- > 0;) {
        const AllocatorRole role = s.sites[i].role;
        if (static_cast<int>(role) >= LEAK_ROLES || s.windowed.contains(i)) continue;
        std::vector<Probe> links;
        if (auto attached = s.attach_allocation(s.sites[i], links); !attached) return attached;
        s.windowed.emplace(i, std::move(links));
    }
    s.object->bss->window += 1;
    s.opened_ns = monotonic_ns();
    s.object->bss->window_open = 1;
    s.open = true;
    return done();
}

// One call in twenty, and the probes that stay cost next to nothing.
bool Collector::State::is_busy(AllocatorRole role) const {
    const leak_counters sums = sum_counters(*object);
    std::uint64_t all = 0;
    for (const std::uint64_t calls : sums.calls) all += calls;
    return sums.calls[static_cast<std::size_t>(role)] * 20 >= all; // NOLINT(*-constant-array-index)
}

void Collector::close_window() {
    State& s = *state_;
    if (!s.open) return;
    s.object->bss->window_open = 0;
    s.exposed_ns += monotonic_ns() - s.opened_ns;
    s.open = false;
    for (auto site = s.windowed.begin(); site != s.windowed.end();) {
        if (!s.is_busy(s.sites[site->first].role)) {
            ++site;
            continue;
        }
        // Entry and return at once: they share the trap, which is gone when both are.
        for (Probe& link : site->second)
            s.detaching.emplace_back([gone = std::move(link)]() mutable { gone.reset(); });
        site = s.windowed.erase(site);
    }
}

void Collector::settle() { state_->detaching.clear(); } // joins

bool Collector::window_is_open() const { return state_->open; }

std::chrono::nanoseconds Collector::exposure() const {
    const std::uint64_t now = state_->open ? monotonic_ns() - state_->opened_ns : 0;
    return std::chrono::nanoseconds(state_->exposed_ns + now);
}

std::vector<TrackedGroup> Collector::groups() const {
    std::vector<TrackedGroup> found;
    each_entry<leak_site, leak_group>(
        bpf_map__fd(state_->object->maps.groups),
        [&found](const leak_site& site, const leak_group& sums) { found.push_back({site, sums}); });
    return found;
}

std::vector<TrackedObject> Collector::objects() const {
    std::vector<TrackedObject> found;
    each_entry<std::uint64_t, leak_object>(
        bpf_map__fd(state_->object->maps.objects),
        [&found](std::uint64_t address, const leak_object& facts) { found.push_back({address, facts}); });
    return found;
}

std::optional<leak_object> Collector::object(std::uint64_t address) const {
    leak_object facts{};
    if (bpf_map_lookup_elem(bpf_map__fd(state_->object->maps.objects), &address, &facts) != 0)
        return std::nullopt;
    return facts;
}

std::vector<std::uint64_t> Collector::stack(std::int32_t id) const {
    std::vector<std::uint64_t> frames(LEAK_DEPTH);
    if (bpf_map_lookup_elem(bpf_map__fd(state_->object->maps.stacks), &id, frames.data()) != 0) return {};
    frames.erase(std::find(frames.begin(), frames.end(), 0), frames.end());
    return frames;
}

leak_counters Collector::counters() const { return sum_counters(*state_->object); }

const ProbeCost& Collector::probe_cost() const { return state_->cost; }

void Collector::follow_maps() {
    State& s = *state_;
    if (!s.config.pid) return;
    const auto maps = ProcessMaps::read(*s.config.pid);
    if (!maps) return;
    const CodeMap code = code_map(*maps);
    for (std::size_t i = 0; i < LEAK_WRAPPERS; ++i)
        s.object->bss->wrappers[i] = i < code.wrappers.size() ? code.wrappers[i] : leak_range{};
    for (std::size_t i = 0; i < LEAK_CODE; ++i)
        s.object->bss->other_code[i] = i < code.other.size() ? code.other[i] : leak_range{};
}

} // namespace stakeout
