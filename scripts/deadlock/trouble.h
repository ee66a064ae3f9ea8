// Two looks at the same locks, a moment apart -> what is wrong. Only what is the same in both counts:
// contention that goes on moving is nobody's fault.
#pragma once

#include "scripts/deadlock/lock_order.h"
#include "scripts/deadlock/situation.h"
#include "scripts/diagnosis/diagnosis.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stakeout {

struct Trouble {
    // In the order of their gravity: the first found is the verdict.
    enum class Kind {
        ExitedHolder,
        SelfDeadlock,
        Cycle,
        StarvedWriter,
        HeldTooLong
    } kind = Kind::HeldTooLong;
    // A member of a circle: it holds `holds` and waits for `waits_for`, which the next member holds. One
    // member where there is no circle.
    struct Member {
        std::uint32_t tid = 0;
        const LockNow* holds = nullptr;     // in the later look
        const LockNow* waits_for = nullptr; // null: it waits for no lock
        const Holding* holding = nullptr;
        std::uint64_t order_seen = 0; // how often this order was completed before
    };
    std::vector<Member> members; // of a circle the one against the order first
    const Waiter* starved = nullptr;
    std::uint64_t waited_ns = 0; // of the starved writer
};
std::string_view to_word(Trouble::Kind kind);

// (address of the lock, thread id) -> since when it has been seen waiting, without a break.
using WaitingSince = std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t>;

struct Question {
    const Situation& before;
    const Situation& now; // what the troubles point into
    const LockOrder& order;
    const WaitingSince& waiting_since;
    std::uint64_t limit_ns = 0;
};
// The gravest first.
std::vector<Trouble> find_trouble(const Question& question);

// All of a situation.
WaitGraph graph_of(const Situation& situation);

} // namespace stakeout
