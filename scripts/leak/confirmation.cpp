#include "scripts/leak/confirmation.h"

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

constexpr std::size_t least_samples = 3;
constexpr std::size_t most_kept = 8;

// Several objects, one after the other: the oldest, the youngest of the old, those in the middle. A leak is
// quiet in all of them; a cache whose oldest entries have gone cold is not.
const TrackedObject& object_for(const std::vector<TrackedObject>& old, std::size_t turn) {
    constexpr std::array eighths{0U, 7U, 4U, 2U, 6U, 1U, 5U, 3U};
    return old[std::min(old.size() - 1, old.size() * eighths.at(turn % eighths.size()) / 7)];
}

std::uint64_t usual_size(const GroupHistory& group) { return group.old_objects.front().facts.size; }

std::size_t samples_wanted(std::uint64_t size) {
    return std::max(least_samples, places_in(size, Confirmation::enough_places).size());
}

} // namespace

double GroupWatching::seconds() const {
    double sum = 0;
    for (const WatchedPlace& place : quiet) sum += place.seconds;
    return sum;
}

std::vector<WatchedPlace> Confirmation::next_places(const std::vector<const GroupHistory*>& groups,
                                                    std::size_t slots) const {
    std::vector<WatchedPlace> next;
    for (const GroupHistory* group : groups) {
        if (group->old_objects.empty() || is_decided(group->site)) continue;
        const GroupWatching* before = of(group->site);
        const auto places = places_in(usual_size(*group), enough_places);
        const std::size_t wanted = samples_wanted(usual_size(*group));
        const std::size_t tried =
            before == nullptr ? 0 : before->quiet.size() + before->freed + before->unwatched;
        const std::size_t missing = wanted - std::min(wanted, before == nullptr ? 0 : before->quiet.size());
        for (std::size_t i = 0; i < missing && next.size() < slots; ++i) {
            // The places go round by what was quiet, the objects by every try: a freed one is not tried
            // again.
            const std::size_t place_turn = (before == nullptr ? 0 : before->quiet.size()) + i;
            const TrackedObject& object = object_for(group->old_objects, tried + i);
            Place place = places[place_turn % places.size()];
            if (place.offset + place.length > object.facts.size)
                place = places_in(object.facts.size, 1).front();
            next.push_back({object, place.offset, place.length, {}, 0, 0, {}});
        }
    }
    return next;
}

void Confirmation::learn(const std::vector<WatchedPlace>& places) {
    for (const WatchedPlace& place : places) {
        GroupWatching& group = groups_[place.object.facts.site];
        switch (place.outcome) {
        case WatchedPlace::Outcome::Quiet:
            group.quiet.push_back(place);
            break;
        case WatchedPlace::Outcome::Touched:
            if (group.touched.size() < most_kept) group.touched.push_back(place);
            break;
        case WatchedPlace::Outcome::Freed:
            ++group.freed;
            break;
        case WatchedPlace::Outcome::Unwatched:
            ++group.unwatched;
            break;
        }
        ++group.tries;
        if (!group.touched.empty())
            group.state = GroupWatching::State::InUse;
        else if (group.quiet.size() >= samples_wanted(place.object.facts.size))
            group.state = GroupWatching::State::Confirmed;
    }
}

const GroupWatching* Confirmation::of(const leak_site& site) const {
    const auto found = groups_.find(site);
    return found == groups_.end() ? nullptr : &found->second;
}

bool Confirmation::is_decided(const leak_site& site) const {
    const GroupWatching* group = of(site);
    return group != nullptr &&
           (group->state != GroupWatching::State::Unconfirmed || group->tries >= most_tries);
}

} // namespace stakeout
