// Who took or gave back a reference: of a hit's stack the function that decided to, past the atomic helpers
// and the object's own get and put functions, whose callers they serve.
#pragma once

#include "watchpoints/hit/hit.h"

#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct ReferencePath {
    Frame decider;     // empty symbol and ip 0: there was no stack
    std::string key;   // the decider, with its module: for grouping
    std::string stack; // the call path from the decider outwards, as a key
};

ReferencePath reference_path(const Hit& hit);

// "kref_get", "sock_hold", "dput", "Session::addref", "refcount_warn_saturate", but not "target", "input",
// "get_user".
bool is_reference_helper(std::string_view function);

} // namespace stakeout
