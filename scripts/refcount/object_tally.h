// Many objects of one type, each a life of its own, added up: what functions did to those that were freed,
// and to those that live on.
//
// A function is suspected by comparison, not by pairing within one object: where its references were always
// given back in objects that were freed, and are all that keeps others alive, it forgets some.
#pragma once

#include "scripts/refcount/object_life.h"
#include "scripts/refcount/refcount_recipe.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stakeout {

class ObjectTally {
  public:
    static constexpr std::uint64_t objects_that_prove = 3;

    // One object, at its end.
    void add(const ObjectLife& life, const LifeEnd& end, const ReferenceAccount& account);

    struct FunctionTotals {
        Frame decider;
        Hit sample;
        std::uint64_t gets = 0, puts = 0, objects = 0;
        std::vector<std::uint64_t> hits;
        // Of objects that were freed with a count of zero, and of which every step was seen.
        std::uint64_t freed = 0, longest_hold_ns = 0;
        std::int64_t least_net = 0, most_net = 0; // gets - puts in one of them
        [[nodiscard]] bool is_steady() const { return freed >= objects_that_prove && least_net == most_net; }
    };
    // An object that lived on with references that somebody took while it was watched.
    struct Kept {
        std::uint64_t number = 0, address = 0, end_ns = 0;
        std::int64_t value = 0;
        struct Open {
            std::int64_t net = 0;
            std::uint64_t last_get_ns = 0;
            std::vector<std::uint64_t> hits;
        };
        std::map<std::string, Open> open; // functions with more gets than puts
    };
    struct Counts {
        std::uint64_t objects = 0, gets = 0, puts = 0;
        std::uint64_t freed = 0;        // with a count of zero
        std::uint64_t freed_in_use = 0; // with another
        std::uint64_t alive = 0;        // followed to the end of its time
        std::uint64_t cut = 0;          // the watch ended
        std::uint64_t unclear = 0;      // steps do not make the last value: some were not seen
    };
    // Objects that only this function keeps alive, with references older than any that it gave back.
    struct Suspect {
        std::string function;
        std::vector<const Kept*> objects;
        std::uint64_t references = 0;
    };
    [[nodiscard]] std::vector<Suspect> suspects() const; // most objects first

    [[nodiscard]] const Counts& counts() const { return counts_; }
    [[nodiscard]] const std::map<std::string, FunctionTotals>& functions() const { return functions_; }
    [[nodiscard]] const std::vector<Kept>& kept() const { return kept_; }
    [[nodiscard]] const std::vector<std::uint64_t>& gaps_ns() const { return gaps_; } // birth to armed

    static constexpr std::size_t most_kept = 4096;

  private:
    // Of the functions with open gets the only one that takes more here than it does elsewhere; empty: none,
    // or that cannot be told.
    [[nodiscard]] std::string only_odd_one(const Kept& kept) const;
    void add_functions(const ReferenceAccount& account, bool is_sound);

    Counts counts_;
    std::map<std::string, FunctionTotals> functions_;
    std::vector<Kept> kept_;
    std::vector<std::uint64_t> gaps_;
};

} // namespace stakeout
