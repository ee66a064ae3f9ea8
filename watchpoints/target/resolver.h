// What the user named -> targets. Looks up symbols, types, objects and processes; refuses what cannot be
// watched.
#pragma once

#include "base/result.h"
#include "loader/kernel_peek.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/kernel_types.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct TargetQuery {
    std::vector<std::string> symbols;   // --symbol
    std::vector<std::string> objects;   // --object
    std::vector<std::string> addresses; // --addr
    std::optional<int> pid;
    std::optional<std::uint64_t> length; // --len
    std::string type;                    // --type
    std::string via;                     // --via: a function whose text refers to the (hidden) symbol
    std::string vmlinux;                 // --vmlinux
    bool function = false;               // for an execute breakpoint
};

struct Resolution {
    std::vector<Target> targets;
    std::optional<WatchedProcess> process;
    std::vector<WatchedObject> objects;
    std::unique_ptr<KernelTypes> types;     // in which the targets' type_id are; where any was needed
    std::shared_ptr<KernelSymbols> symbols; // where they had to be loaded: the symboliser uses them too
};

// The data addresses that a function's text refers to, in order. Decoding is not this room's business: the
// caller hands it in.
using DataReferenceFinder =
    std::function<std::vector<std::uint64_t>(std::uint64_t start, std::size_t size, const KernelPeek& peek)>;

Result<Resolution> resolve(const TargetQuery& query, const DataReferenceFinder& references);

} // namespace stakeout
