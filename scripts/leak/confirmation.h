// What watching has told of each suspicious group so far, and what is to be watched next.
#pragma once

#include "scripts/leak/confirm.h"
#include "scripts/leak/judgement.h"

#include <map>
#include <vector>

namespace stakeout {

struct GroupWatching {
    enum class State { Unconfirmed, Confirmed, InUse } state = State::Unconfirmed;
    std::vector<WatchedPlace> quiet;
    std::vector<WatchedPlace> touched; // at most a few
    std::size_t freed = 0, unwatched = 0, tries = 0;

    [[nodiscard]] double seconds() const; // watched, over all quiet places
};

class Confirmation {
  public:
    // Quiet places that confirm a group: this many, or all that its objects have, but never fewer than three.
    static constexpr std::size_t enough_places = 6;
    static constexpr std::size_t most_tries = 24; // places, of a group that is never decided

    // The next places for `slots` debug registers: all for the most important undecided group, what is left
    // for those after it. `groups`: the suspicious ones, the most important first.
    [[nodiscard]] std::vector<WatchedPlace> next_places(const std::vector<const GroupHistory*>& groups,
                                                        std::size_t slots) const;
    void learn(const std::vector<WatchedPlace>& places);

    [[nodiscard]] const GroupWatching* of(const leak_site& site) const; // null: never watched
    [[nodiscard]] bool is_decided(const leak_site& site) const;

  private:
    std::map<leak_site, GroupWatching, SiteOrder> groups_;
};

} // namespace stakeout
