// A watch: targets armed on every CPU, hits handed to a listener, until its time to live, its count, its
// target or the user ends it.
//
// Contract: arm() arms every online CPU or returns an error and leaves nothing behind. run() returns when the
// watch is over; all slots are free then. The listener is called from run()'s thread only.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/brake.h"
#include "watchpoints/arm/hit_rules.h"
#include "watchpoints/arm/slot_plan.h"
#include "watchpoints/hit/hit.h"
#include "watchpoints/target/target.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

class KernelSymbols;
class Succession;
class WarmUp;
class WatchCompanion;

struct WatchRequest {
    std::vector<Target> targets; // at most SO_REGIONS
    AccessKind kind = AccessKind::Write;
    std::optional<WatchedProcess> process; // whose addresses the targets are; absent: the kernel's
    bool process_is_ours = false;          // we started it: its end is the natural end of the watch
    std::vector<WatchedObject> objects;    // whose life the watch follows
    std::chrono::nanoseconds time_to_live = std::chrono::minutes(10);
    std::uint64_t count = 0; // hits, 0: no limit
    Brake brake;
    bool exclude_kernel = false;
    bool kept = false; // lives on by itself for long: takes little memory, where that costs no hits
    std::uint32_t kernel_depth = SO_MAX_DEPTH;
    std::uint32_t user_depth = SO_MAX_DEPTH;
    std::chrono::steady_clock::time_point process_start; // of stakeout, for Armed::milliseconds
    HitRules rules;                                      // which hits are wanted
    std::optional<ScriptPlan> script;
    const KernelSymbols* kernel_symbols = nullptr; // where they are loaded already
    std::shared_ptr<Succession> succession;        // moves the targets from object to object; may be absent
    std::shared_ptr<WarmUp> warm_up; // started early, ended before slots are taken; may be absent
};

// Of a watch in a Xen guest: where it is and how.
struct ArmedGuest {
    std::uint32_t domain = 0;
    std::string domain_name, kind;        // "PV", "PVH", "HVM"
    std::string backend;                  // "debug-register"
    std::vector<std::string> blind_spots; // what it does not see, each a clause
    std::string kernel;                   // the guest's release, where known
    std::string symbols_from;             // "the guest's own tables", a file
    std::vector<std::uint64_t> addresses; // linear addresses that are armed
};

struct Armed {
    std::string watch; // id
    std::vector<Target> targets;
    AccessKind kind = AccessKind::Write;
    std::vector<Slot> slots;
    std::vector<std::uint32_t> cpus_armed;
    std::vector<std::uint32_t> cpus_online;
    double milliseconds = 0;        // from process start to armed
    std::uint64_t at_ns = 0;        // when, CLOCK_MONOTONIC
    std::int64_t wall_ahead_ns = 0; // the time of day minus CLOCK_MONOTONIC, then
    std::chrono::nanoseconds time_to_live{0};
    std::chrono::nanoseconds exception_cost{0};
    bool brake = true;
    std::string script;                       // its name; empty: none
    std::vector<std::string> left_out;        // programs of it that nobody attaches
    std::optional<FollowUpWay> follow_up_way; // how its follow-ups run; absent: it has none
    bool follow_ups_pinned = false;           // they stay on the hit's CPU
    std::vector<std::optional<Value>> values; // of each target when armed; per-CPU variables: none
    std::optional<ArmedGuest> guest;          // then `cpus_*` are vCPUs, and addresses guest-physical
};

struct Notice {
    std::string text;
    std::chrono::nanoseconds time_left{0};
};

// An interval in which a CPU's accesses were not seen, because the brake had stopped its events.
struct BrakeInterval {
    std::uint32_t cpu = 0;
    std::uint64_t from_ns = 0;
    std::uint64_t to_ns = 0;
};

struct CoverageChange {
    std::uint32_t cpu = 0;
    bool online = false;
    bool armed = false;
    std::uint64_t gap_from_ns = 0; // accesses of this CPU may have been missed in between; 0: no gap
    std::uint64_t gap_to_ns = 0;
    std::string reason;
    std::size_t cpus_armed = 0, cpus_online = 0;
};

enum class EndedBy { TimeToLive, Count, User, Target, Script, Listener, OutputClosed, Failure };

// Hits that were seen and not wanted, by who judged.
struct Dropped {
    // In the kernel.
    std::uint64_t changed = 0, from = 0, comm = 0, when = 0, script = 0;
    // By the reader; these have records.
    std::uint64_t reader_comm = 0, reader_stack = 0, reader_when = 0, follow_up = 0;
    [[nodiscard]] std::uint64_t in_kernel() const { return changed + from + comm + when + script; }
    [[nodiscard]] std::uint64_t by_reader() const {
        return reader_comm + reader_stack + reader_when + follow_up;
    }
};

struct Summary {
    std::string watch;
    EndedBy ended_by = EndedBy::User;
    std::string reason;     // one clause for people
    std::uint64_t hits = 0; // records + lost + those dropped in the kernel
    std::uint64_t records = 0;
    std::uint64_t lost = 0;     // no room in the ring
    std::uint64_t unseen = 0;   // counted by the kernel, which did not run the program for them
    std::uint64_t joined = 0;   // further traps of hits that are counted once
    std::uint64_t foreign = 0;  // another address space's accesses to the same number
    std::uint64_t late = 0;     // after the count or the time to live
    std::uint64_t filtered = 0; // records not shown: writes under --r
    Dropped dropped;
    HitProgram::FollowUpCounts follow_ups;
    std::uint64_t script_skipped = 0; // hits that a foreign program did not see
    std::uint64_t braked = 0;         // intervals
    std::uint64_t braked_ns = 0;      // CPU time that was not watched
    std::uint64_t duration_ns = 0;
    struct Guest {
        std::uint64_t outside = 0;   // events of the watched frames beside the watched bytes
        std::uint64_t paused_ns = 0; // that the guest's vCPUs stood still for us
        bool lost_at_most = false;   // Summary::lost is of what held the hits: so many were lost at the most
    };
    std::optional<Guest> guest;
};

class WatchListener {
  public:
    virtual ~WatchListener() = default;
    virtual void on_armed(const Armed& armed) = 0;
    virtual void on_hit(const Hit& hit) = 0;
    // A follow-up whose hit is shown already, or is not shown.
    virtual void on_look(const Look& look) = 0;
    virtual void on_notice(const Notice& notice) = 0;
    virtual void on_brake(const BrakeInterval& interval) = 0;
    virtual void on_coverage(const CoverageChange& change) = 0;
    virtual void on_summary(const Summary& summary) = 0;
    // Called when no more hits are at hand; writes out what is buffered as far as that is possible without
    // waiting. False: the output is closed for good (the pipe's reader has gone).
    virtual bool flush() = 0;
    // False: the output is full; hits stay in the ring for now.
    [[nodiscard]] virtual bool has_room() const = 0;
    // True while something is buffered that flush() could not write yet.
    [[nodiscard]] virtual bool is_behind() const = 0;
    // Bytes that have left: tells a slow reader from one that has stopped.
    [[nodiscard]] virtual std::uint64_t written() const = 0;
    // True: whoever listens has seen what it waited for, and the watch ends.
    [[nodiscard]] virtual bool has_enough() const { return false; }
};

class Watch {
  public:
    static Result<std::unique_ptr<Watch>> arm(WatchRequest request);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    [[nodiscard]] const Armed& armed() const;
    // `stop_fd` becomes readable when the user wants the watch to end (a signalfd). `companion` (companion.h)
    // may be absent.
    Summary run(WatchListener& listener, int stop_fd, WatchCompanion* companion = nullptr);

    struct State; // watch_state.h

  private:
    Watch();
    std::unique_ptr<State> state_;
};

} // namespace stakeout
