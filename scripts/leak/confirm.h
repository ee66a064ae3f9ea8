// Confirmation by watching: is the oldest of what grows ever touched?
//
// A debug register watches eight bytes, so one object is watched in one place at a time; objects of one
// allocation stack have one layout, so different places are watched in different objects, over several
// rounds. A group is confirmed when enough places were quiet for --idle each; one touch that is not part of
// freeing the object shows that the group is in use.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "scripts/leak/collector.h"
#include "watchpoints/arm/watch.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

// One object, one place in it, one round.
struct WatchedPlace {
    TrackedObject object;
    std::uint64_t offset = 0, length = 8;

    enum class Outcome {
        Quiet,     // not touched, and nothing that the watch could have missed
        Touched,   // by somebody who was not freeing it
        Freed,     // meanwhile: says nothing
        Unwatched, // nothing is known: not armed, or the watch was not complete
    } outcome = Outcome::Unwatched;
    double seconds = 0; // watched
    std::uint64_t touches = 0;
    std::optional<Hit> touch; // the first
};

// The places to watch in objects of that size, the most telling first: the beginning (links, tables of
// virtual functions, reference counts), the end, then evenly between. Aligned, at most `most`.
struct Place {
    std::uint64_t offset = 0, length = 8;
};
std::vector<Place> places_in(std::uint64_t size, std::size_t most);

class WatchRound {
  public:
    // Takes as many slots as there are places. `record`, which may be null, hears the watch too, from its own
    // thread. Error: of the watch (CannotArm: no slot free).
    static Result<std::unique_ptr<WatchRound>> begin(std::optional<int> pid, std::vector<WatchedPlace> places,
                                                     std::chrono::nanoseconds time_to_live,
                                                     WatchListener* record);
    ~WatchRound();
    WatchRound(const WatchRound&) = delete;
    WatchRound& operator=(const WatchRound&) = delete;

    [[nodiscard]] bool is_decided() const; // all places were touched, or the watch has ended
    [[nodiscard]] std::chrono::nanoseconds lasted() const;
    // Ends the watch. Who was freed meanwhile is asked of the collector.
    std::vector<WatchedPlace> finish(const Collector& collector);
    // After finish().
    [[nodiscard]] const Armed& armed() const;
    [[nodiscard]] const Summary& summary() const;

  private:
    WatchRound();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
