#include "scripts/refcount/births.h"

#include "loader/libbpf_log.h"
#include "scripts/probes/allocator_sites.h"
#include "scripts/probes/probe.h"

#include <births.skel.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

namespace stakeout {
namespace {

struct DestroyObject {
    void operator()(births_bpf* object) const { births_bpf__destroy(object); }
};
struct FreeRing {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

int hand_on(void* context, void* data, std::size_t size) {
    births_event event{};
    if (size < sizeof(event)) return 0;
    std::memcpy(&event, data, sizeof(event));
    (*static_cast<const Births::Take* const*>(context))->operator()(event);
    return 0;
}

} // namespace

struct Births::State {
    std::unique_ptr<births_bpf, DestroyObject> object;
    const Take* taker = nullptr; // while take() runs
    std::unique_ptr<ring_buffer, FreeRing> ring;
    std::vector<Probe> probes;

    [[nodiscard]] Status load(const Birthplace& place);
    [[nodiscard]] Status attach_to_kernel();
    [[nodiscard]] Status attach_to_process(const Birthplace::Function& maker);
    [[nodiscard]] Status probe(bpf_program* program, int pid, const std::string& path, std::uint64_t offset,
                               bool at_return);
};

Births::Births() : state_(std::make_unique<State>()) {}
Births::~Births() = default;

Status Births::State::load(const Birthplace& place) {
    capture_libbpf_messages();
    object.reset(births_bpf__open());
    if (!object) return internal_error("open the birth probes", take_libbpf_messages(), errno);
    auto& constants = *object->rodata;
    constants.own_pid = static_cast<std::uint32_t>(::getpid());
    constants.site_start = place.site_start;
    constants.site_end = place.site_end;
    constants.by_cache = place.cache.empty() ? 0 : 1;
    const std::size_t letters = std::min<std::size_t>(place.cache.size(), BIRTHS_NAME - 1);
    std::copy_n(place.cache.begin(), letters, std::begin(constants.cache_name));
    constants.counter_offset = place.offset;
    constants.counter_bytes = place.bytes;
    auto& programs = object->progs;
    for (bpf_program* program :
         {programs.kmalloc, programs.kmem_cache_alloc, programs.kfree, programs.kmem_cache_free})
        bpf_program__set_autoload(program, !place.process);
    for (bpf_program* program : {programs.maker_returns, programs.free_called})
        bpf_program__set_autoload(program, place.process.has_value());
    if (births_bpf__load(object.get()) != 0) {
        const int why = errno;
        return probes_not_loaded("birth probes", why);
    }
    ring.reset(ring_buffer__new(bpf_map__fd(object->maps.events), hand_on, &taker, nullptr));
    if (!ring) return internal_error("read the birth probes", "no ring buffer", errno);
    return done();
}

// Frees first: whoever is born after that has an end.
Status Births::State::attach_to_kernel() {
    auto& programs = object->progs;
    for (bpf_program* program :
         {programs.kfree, programs.kmem_cache_free, programs.kmalloc, programs.kmem_cache_alloc}) {
        auto probe = probe_tracepoint(program);
        if (!probe) return std::move(probe).error();
        probes.push_back(std::move(*probe));
    }
    return done();
}

Status Births::State::probe(bpf_program* program, int pid, const std::string& path, std::uint64_t offset,
                            bool at_return) {
    auto probe =
        probe_process(program, pid, path, offset, at_return, fmt::format("{} at {:#x}", path, offset));
    if (!probe) return std::move(probe).error();
    probes.push_back(std::move(*probe));
    return done();
}

Status Births::State::attach_to_process(const Birthplace::Function& maker) {
    auto maps = ProcessMaps::read(maker.pid);
    if (!maps) return std::move(maps).error();
    auto sites = find_allocators(maker.pid, *maps);
    if (!sites) return std::move(sites).error();
    for (const AllocatorSite& site : *sites)
        if (site.role == AllocatorRole::Free)
            if (auto probed = probe(object->progs.free_called, maker.pid, site.path, site.file_offset, false);
                !probed)
                return probed;
    return probe(object->progs.maker_returns, maker.pid, maker.path, maker.file_offset, true);
}

Result<std::unique_ptr<Births>> Births::attach(const Birthplace& place) {
    std::unique_ptr<Births> births(
        new Births()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    State& s = *births->state_;
    if (auto loaded = s.load(place); !loaded) return std::move(loaded).error();
    auto attached = place.process ? s.attach_to_process(*place.process) : s.attach_to_kernel();
    if (!attached) return std::move(attached).error();
    return births;
}

int Births::fd() const { return ring_buffer__epoll_fd(state_->ring.get()); }

void Births::want() { std::atomic_ref(state_->object->bss->wanted).fetch_add(1); }

void Births::forget(std::uint64_t address) {
    (void)bpf_map_delete_elem(bpf_map__fd(state_->object->maps.followed), &address);
}

void Births::take(const Take& take) {
    state_->taker = &take;
    (void)ring_buffer__consume(state_->ring.get());
    state_->taker = nullptr;
}

std::uint64_t Births::births() const { return std::atomic_ref(state_->object->bss->births).load(); }
std::uint64_t Births::unheard() const { return std::atomic_ref(state_->object->bss->unheard).load(); }

} // namespace stakeout
