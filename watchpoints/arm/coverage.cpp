#include "watchpoints/arm/coverage.h"

#include <algorithm>

namespace stakeout {

Coverage::Coverage(HitProgram& program, Plan plan) : program_(program), plan_(std::move(plan)) {}
Coverage::~Coverage() { release_all(); }

BreakpointSpec Coverage::spec_of(std::uint32_t cpu, std::size_t slot) const {
    const Slot& wanted = plan_.slots[slot];
    BreakpointSpec spec;
    spec.cpu = static_cast<int>(cpu);
    const Target& target = plan_.targets[wanted.target];
    spec.address = wanted.address + (target.is_per_cpu() ? target.cpu_base[cpu] : 0);
    spec.length = wanted.length;
    spec.kind = plan_.kind;
    spec.exclude_kernel = plan_.exclude_kernel;
    return spec;
}

Result<Coverage::Event> Coverage::open(std::uint32_t cpu, std::size_t slot) const {
    auto breakpoint = Breakpoint::open(spec_of(cpu, slot), program_.program_fd());
    if (!breakpoint) return std::move(breakpoint).error();
    return Event{std::move(*breakpoint), 0, 0};
}

Status Coverage::set_plan(std::uint32_t cpu) {
    so_plan plan{};
    plan.slots = static_cast<std::uint32_t>(plan_.slots.size());
    for (std::size_t i = 0; i < plan_.slots.size(); ++i) {
        const Target& target = plan_.targets[plan_.slots[i].target];
        plan.slot_address[i] = plan_.slots[i].address + (target.is_per_cpu() ? target.cpu_base[cpu] : 0);
        plan.slot_region[i] = static_cast<std::uint8_t>(plan_.slots[i].target);
    }
    for (std::size_t i = 0; i < plan_.targets.size(); ++i)
        plan.region_address[i] = plan_.targets[i].address_on(cpu);
    return program_.set_plan(cpu, plan);
}

Status Coverage::enable(Event& event) const {
    event.granted = static_cast<std::uint64_t>(plan_.limit);
    return event.breakpoint.enable(plan_.limit);
}

Status Coverage::take(std::span<const std::uint32_t> cpus) {
    for (const std::uint32_t cpu : cpus) {
        if (auto planned = set_plan(cpu); !planned) return planned;
        CpuEvents events;
        for (std::size_t slot = 0; slot < plan_.slots.size(); ++slot) {
            auto event = open(cpu, slot);
            if (!event) {
                armed_.clear(); // all CPUs or none
                return std::move(event).error();
            }
            events.push_back(std::move(*event));
        }
        armed_.emplace(cpu, std::move(events));
    }
    return done();
}

Status Coverage::enable_all() {
    for (auto& [cpu, events] : armed_)
        for (Event& event : events)
            if (auto enabled = enable(event); !enabled) return enabled;
    return done();
}

void Coverage::guard_with(Guardian* guardian) {
    guardian_ = guardian;
    if (!begin_change()) return;
    for (auto& [cpu, events] : armed_)
        for (std::size_t slot = 0; slot < events.size(); ++slot) put(cpu, slot, events[slot].breakpoint.fd());
    end_change();
}

bool Coverage::begin_change() {
    if (guardian_ == nullptr || guardian_->begin_change()) return true;
    give_up();
    return false;
}
void Coverage::end_change() {
    if (guardian_ != nullptr) guardian_->end_change();
}
void Coverage::put(std::uint32_t cpu, std::size_t slot, int fd) {
    if (guardian_ != nullptr) guardian_->put(cpu * slots_per_cpu + slot, fd);
}

void Coverage::give_up() {
    for (auto& [cpu, events] : armed_)
        for (std::size_t slot = 0; slot < events.size(); ++slot) {
            retired_count_ += guardian_->final_count(cpu * slots_per_cpu + slot);
            events[slot].breakpoint.forget();
        }
    armed_.clear();
}

Status Coverage::add(std::uint32_t cpu) {
    if (auto planned = set_plan(cpu); !planned) return planned;
    if (!begin_change()) return done();
    CpuEvents events;
    Status status = done();
    for (std::size_t slot = 0; slot < plan_.slots.size() && status; ++slot) {
        auto event = open(cpu, slot);
        if (!event) {
            status = std::move(event).error();
            break;
        }
        events.push_back(std::move(*event));
        status = enable(events.back());
    }
    if (status) {
        for (std::size_t slot = 0; slot < events.size(); ++slot) put(cpu, slot, events[slot].breakpoint.fd());
        armed_.emplace(cpu, std::move(events));
        program_.clear_stopped(cpu, ~std::uint64_t{0});
    }
    end_change();
    return status;
}

void Coverage::remove(std::uint32_t cpu) {
    const auto found = armed_.find(cpu);
    if (found == armed_.end() || !begin_change()) return;
    for (std::size_t slot = 0; slot < found->second.size(); ++slot) {
        retired_count_ += found->second[slot].breakpoint.count();
        put(cpu, slot, -1);
    }
    armed_.erase(cpu);
    end_change();
}

Status Coverage::rearm(std::uint32_t cpu, std::uint64_t mask) {
    const auto found = armed_.find(cpu);
    if (found == armed_.end() || !begin_change()) return done();
    Status status = done();
    for (std::size_t slot = 0; slot < found->second.size() && status; ++slot) {
        if ((mask & (std::uint64_t{1} << slot)) == 0) continue;
        Event& event = found->second[slot];
        const std::uint64_t before = event.breakpoint.count();
        put(cpu, slot, -1);
        event.breakpoint.close();
        retired_count_ += before;
        auto fresh = open(cpu, slot);
        if (!fresh) {
            status = std::move(fresh).error();
            break;
        }
        event = std::move(*fresh);
        put(cpu, slot, event.breakpoint.fd());
        program_.clear_stopped(cpu, std::uint64_t{1} << slot);
        status = enable(event);
    }
    end_change();
    return status;
}

Status Coverage::move(std::size_t target, std::uint64_t address) {
    const std::uint64_t before = plan_.targets.at(target).address;
    plan_.targets[target].address = address;
    for (Slot& slot : plan_.slots)
        if (slot.target == target) slot.address = slot.address - before + address;
    for (auto& [cpu, events] : armed_) {
        if (auto planned = set_plan(cpu); !planned) return planned;
        for (std::size_t slot = 0; slot < events.size(); ++slot) {
            if (plan_.slots[slot].target != target) continue;
            if (auto moved = events[slot].breakpoint.move(spec_of(cpu, slot)); !moved) return moved;
        }
    }
    return done();
}

std::uint64_t Coverage::refill(std::uint32_t cpu) {
    std::uint64_t exhausted = 0;
    const auto found = armed_.find(cpu);
    if (found == armed_.end() || plan_.stop_way != StopWay::ByLimit || plan_.limit == 0) return 0;
    for (std::size_t slot = 0; slot < found->second.size(); ++slot) {
        Event& event = found->second[slot];
        const std::uint64_t count = event.breakpoint.count();
        if (count >= event.granted) {
            exhausted |= std::uint64_t{1} << slot;
            continue;
        }
        const std::uint64_t used = count - event.refilled_at;
        if (used == 0) continue;
        if (event.breakpoint.grant_more(static_cast<int>(used))) {
            event.granted += used;
            event.refilled_at = count;
        }
    }
    return exhausted;
}

void Coverage::release_all() {
    if (armed_.empty() || !begin_change()) return;
    for (auto& [cpu, events] : armed_)
        for (const Event& event : events) event.breakpoint.disable();
    for (auto& [cpu, events] : armed_)
        for (std::size_t slot = 0; slot < events.size(); ++slot) {
            retired_count_ += events[slot].breakpoint.count();
            put(cpu, slot, -1);
        }
    armed_.clear();
    end_change();
}

std::vector<std::uint32_t> Coverage::cpus() const {
    std::vector<std::uint32_t> list;
    list.reserve(armed_.size());
    for (const auto& [cpu, events] : armed_) list.push_back(cpu);
    return list;
}

std::uint64_t Coverage::counted() const {
    std::uint64_t total = retired_count_;
    for (const auto& [cpu, events] : armed_)
        for (const Event& event : events) total += event.breakpoint.count();
    return total;
}

} // namespace stakeout
