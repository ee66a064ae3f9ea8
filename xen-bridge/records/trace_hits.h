// Debug exceptions of PV guests, out of Xen's trace records: which domain's which vCPU hit, where.
//
// Stock Xen writes a PV-trap record (vector 1) for every debug exception that it hands to a guest: the
// instruction pointer and the time, but not whose it was. The scheduler's records of the same physical CPU
// tell: who began to run there, who went on running, who stopped. A hit that came before the first scheduler
// record of its CPU (tracing begins while vCPUs run) waits for the next one, which tells it afterwards.
//
// Guaranteed: a hit is attributed only when a scheduler record of its CPU says so and no record between them
// was lost; else domain and vCPU are absent, and the hit counted as unattributed. Per CPU the hits keep their
// order. Source: xen/arch/x86/pv/trace.c (trace_pv_trap), xen/common/sched/core.c (trace_runstate_change,
// trace_continue_running), xen/common/trace.c (insert_lost_records), of Xen 4.17.
#pragma once

#include "xen-bridge/records/xentrace.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace stakeout {

struct VcpuOfDomain {
    std::uint16_t domain = 0;
    std::uint16_t vcpu = 0;
    bool operator==(const VcpuOfDomain&) const = default;
};
constexpr std::uint16_t idle_domain = 0x7fff; // DOMID_IDLE

struct TraceHit {
    std::optional<VcpuOfDomain> who;
    std::uint64_t rip = 0;
    bool user_mode = false; // by the address's half: a PV guest's kernel does not run in ring 0
    std::uint64_t tsc = 0;  // of the physical CPU; 0: the record had none
    std::uint32_t pcpu = 0;
};

class TraceHits {
  public:
    struct Counts {
        std::uint64_t hits = 0;         // debug exceptions seen
        std::uint64_t unattributed = 0; // of them: given out without a domain
        std::uint64_t lost_records = 0; // as Xen counted them: of any kind, hits among them perhaps
        std::uint64_t losses = 0;       // times that records were lost
        std::uint64_t malformed = 0;    // records of these kinds with too few words
    };

    void take(const TraceRecord& record);
    // The hits that are decided, in the order of each CPU. Those that still wait stay; flush() gives them up
    // as unattributed, to be called when tracing ends or they have waited long enough.
    std::vector<TraceHit> drain();
    void flush();
    [[nodiscard]] bool waiting() const;
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    struct Cpu {
        std::optional<VcpuOfDomain> running;
        std::vector<TraceHit> waiting; // for who is running
    };
    void take_trap(Cpu& cpu, const TraceRecord& record);
    void take_runstate(Cpu& cpu, const TraceRecord& record);
    void take_lost(Cpu& cpu, const TraceRecord& record);
    bool enough_words(const TraceRecord& record, std::uint32_t needed);
    void was_running(Cpu& cpu, std::optional<VcpuOfDomain> who); // decides what waits
    void emit(TraceHit hit);

    std::map<std::uint32_t, Cpu> cpus_;
    std::vector<TraceHit> decided_;
    Counts counts_;
};

} // namespace stakeout
