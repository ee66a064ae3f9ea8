#include "watchpoints/arm/words.h"

namespace stakeout {

std::string_view to_word(Access access) {
    switch (access) {
    case Access::Read:
        return "read";
    case Access::Write:
        return "write";
    case Access::Execute:
        return "execute";
    case Access::Unknown:
        break;
    }
    return "unknown";
}

std::string_view to_word(AccessKind kind) {
    switch (kind) {
    case AccessKind::Write:
        return "w";
    case AccessKind::ReadWrite:
        return "rw";
    case AccessKind::Read:
        return "r";
    case AccessKind::Execute:
        break;
    }
    return "x";
}

std::string_view to_word(FollowUpWay way) {
    switch (way) {
    case FollowUpWay::OnDemand:
        return "on-demand";
    case FollowUpWay::Periodic:
        return "periodic";
    case FollowUpWay::Softirq:
        break;
    }
    return "softirq";
}

std::string_view to_word(EndedBy ended_by) {
    switch (ended_by) {
    case EndedBy::TimeToLive:
        return "time_to_live";
    case EndedBy::Count:
        return "count";
    case EndedBy::User:
        return "user";
    case EndedBy::Target:
        return "target";
    case EndedBy::Script:
        return "script";
    case EndedBy::Listener:
        return "listener";
    case EndedBy::OutputClosed:
        return "output_closed";
    case EndedBy::Failure:
        break;
    }
    return "failure";
}

} // namespace stakeout
