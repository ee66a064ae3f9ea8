#include "xen-bridge/records/trace_hits.h"

#include <algorithm>
#include <utility>

namespace stakeout {
namespace {

constexpr std::uint32_t debug_vector = 1;
constexpr std::size_t max_waiting = 65536;     // hits of a CPU; beyond it they are given out unattributed
enum : std::uint32_t { runstate_running = 0 }; // RUNSTATE_running of vcpu.h

VcpuOfDomain vcpu_in(std::uint32_t word) {
    return {static_cast<std::uint16_t>(word >> 16), static_cast<std::uint16_t>(word & 0xffff)};
}

bool is_runstate_change(std::uint32_t event) { return (event & ~0xff0U) == trace_runstate_change; }

} // namespace

void TraceHits::take(const TraceRecord& record) {
    if (!record.cpu) return;
    const std::uint32_t event = record.event;
    const bool trap = (event & ~trace_64_bit) == trace_pv_trap;
    if (!trap && !is_runstate_change(event) && event != trace_continue_running && event != trace_switch &&
        event != trace_lost_records)
        return;
    Cpu& cpu = cpus_[*record.cpu];
    if (trap) {
        take_trap(cpu, record);
    } else if (event == trace_lost_records) {
        take_lost(cpu, record);
    } else if (event == trace_continue_running) {
        if (!enough_words(record, 1)) return;
        was_running(cpu, vcpu_in(record.extra[0]));
        cpu.running = vcpu_in(record.extra[0]);
    } else if (event == trace_switch) { // previous domain and vCPU, next domain and vCPU
        if (!enough_words(record, 4)) return;
        const auto half = [&](std::size_t i) { return static_cast<std::uint16_t>(record.extra.at(i)); };
        was_running(cpu, VcpuOfDomain{half(0), half(1)});
        cpu.running = VcpuOfDomain{half(2), half(3)};
    } else {
        take_runstate(cpu, record);
    }
}

void TraceHits::take_runstate(Cpu& cpu, const TraceRecord& record) {
    if (!enough_words(record, 1)) return;
    const std::uint32_t before = (record.event >> 8) & 0xf, after = (record.event >> 4) & 0xf;
    const VcpuOfDomain who = vcpu_in(record.extra[0]);
    // Only the CPU itself takes a vCPU off or puts one on; wake-ups of others' are written down anywhere.
    if (before == runstate_running && after != runstate_running) {
        was_running(cpu, who);
        cpu.running.reset();
    } else if (after == runstate_running) {
        was_running(cpu, std::nullopt); // who stopped before was not told: nothing may be guessed
        cpu.running = who;
    }
}

void TraceHits::take_trap(Cpu& cpu, const TraceRecord& record) {
    const bool wide = (record.event & trace_64_bit) != 0;
    if (!enough_words(record, wide ? 3 : 2)) return;
    const std::uint32_t vector = record.extra.at(wide ? 2 : 1) & 0x7fff;
    if (vector != debug_vector) return;
    TraceHit hit;
    hit.rip = record.extra[0];
    if (wide) hit.rip |= static_cast<std::uint64_t>(record.extra[1]) << 32;
    hit.user_mode =
        wide ? (hit.rip >> 63) == 0 : hit.rip < 0xc000'0000U; // a 32-bit guest's kernel: the last GiB
    hit.tsc = record.tsc.value_or(0);
    hit.pcpu = *record.cpu;
    hit.who = cpu.running;
    counts_.hits += 1;
    if (hit.who)
        emit(hit);
    else
        cpu.waiting.push_back(hit);
    if (cpu.waiting.size() > max_waiting) was_running(cpu, std::nullopt);
}

// Extra words: the number, domain and vCPU that run while Xen writes this down, first TSC of the loss.
void TraceHits::take_lost(Cpu& cpu, const TraceRecord& record) {
    counts_.losses += 1;
    was_running(cpu, std::nullopt);
    cpu.running.reset();
    if (!enough_words(record, 1)) return;
    counts_.lost_records += record.extra[0];
    if (record.words < 2) return;
    cpu.running = VcpuOfDomain{static_cast<std::uint16_t>(record.extra[1] & 0xffff),
                               static_cast<std::uint16_t>(record.extra[1] >> 16)};
}

bool TraceHits::enough_words(const TraceRecord& record, std::uint32_t needed) {
    if (record.words >= needed) return true;
    counts_.malformed += 1;
    return false;
}

void TraceHits::was_running(Cpu& cpu, std::optional<VcpuOfDomain> who) {
    for (TraceHit& hit : cpu.waiting) {
        hit.who = who;
        emit(hit);
    }
    cpu.waiting.clear();
}

void TraceHits::emit(TraceHit hit) {
    if (!hit.who) counts_.unattributed += 1;
    decided_.push_back(hit);
}

std::vector<TraceHit> TraceHits::drain() { return std::exchange(decided_, {}); }

void TraceHits::flush() {
    for (auto& [number, cpu] : cpus_) was_running(cpu, std::nullopt);
}

bool TraceHits::waiting() const {
    return std::any_of(cpus_.begin(), cpus_.end(),
                       [](const auto& cpu) { return !cpu.second.waiting.empty(); });
}

} // namespace stakeout
