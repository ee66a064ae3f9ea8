#include "scripts/refcount/follower.h"

#include "base/monotonic_clock.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace stakeout {
namespace {

std::optional<Value> value_of(const births_event& end, std::uint32_t bytes) {
    if (end.has_value == 0) return std::nullopt;
    std::array<std::uint8_t, sizeof(end.value)> all{};
    std::memcpy(all.data(), &end.value, all.size());
    Value value;
    value.bytes.assign(all.begin(), all.begin() + bytes);
    return value;
}

bool has_ended_in(const std::vector<births_event>& events, std::size_t from, std::uint64_t address) {
    return std::any_of(events.begin() + static_cast<std::ptrdiff_t>(from), events.end(),
                       [&](const births_event& e) { return e.what != BIRTHS_BORN && e.address == address; });
}

} // namespace

Follower::Follower(std::unique_ptr<Births> births, const Plan& plan, LifeListener& lives)
    : births_(std::move(births)), plan_(plan), lives_(lives), places_(plan.places) {
    for (std::size_t i = 0; i < plan.places; ++i) want();
}

void Follower::want() {
    if (plan_.objects != 0 && wanted_ == plan_.objects) return;
    ++wanted_;
    births_->want();
}

Status Follower::turn(TargetMover& mover) {
    if (auto taken = take_events(mover); !taken) return taken;
    return end_overdue(mover);
}

// Frees that came meanwhile are told as such.
void Follower::end(TargetMover& mover) {
    plan_.objects = wanted_ == 0 ? 1 : wanted_; // none is taken any more
    (void)take_events(mover);
    for (std::size_t place = 0; place < places_.size(); ++place) {
        if (!places_[place].taken) continue;
        const LifeEnd end{LifeEnd::How::WatchOver, monotonic_ns(), mover.value(place)};
        (void)leave(place, end, mover);
    }
}

Status Follower::take_events(TargetMover& mover) {
    std::vector<births_event> events;
    births_->take([&events](const births_event& event) { events.push_back(event); });
    for (std::size_t i = 0; i < events.size(); ++i) {
        const births_event& event = events[i];
        if (event.what == BIRTHS_BORN) {
            if (has_ended_in(events, i + 1, event.address)) {
                lives_.on_missed_life(); // it is no more
                --wanted_;
                want();
            } else if (auto begun = begin(event, mover); !begun) {
                return begun;
            }
            continue;
        }
        const auto found = std::find_if(places_.begin(), places_.end(), [&](const Place& place) {
            return place.taken && place.address == event.address;
        });
        if (found == places_.end()) continue;
        const auto how = event.what == BIRTHS_FREED ? LifeEnd::How::Freed : LifeEnd::How::FreedUnseen;
        const auto place = static_cast<std::size_t>(found - places_.begin());
        if (auto left = leave(place, {how, event.time_ns, value_of(event, plan_.bytes)}, mover); !left)
            return left;
    }
    return done();
}

Status Follower::begin(const births_event& birth, TargetMover& mover) {
    const auto found =
        std::find_if(places_.begin(), places_.end(), [](const Place& place) { return !place.taken; });
    if (found == places_.end()) return internal_error("follow an object", "no slot is left for it");
    const auto place = static_cast<std::size_t>(found - places_.begin());
    auto moved = mover.move(place, birth.address + plan_.offset);
    if (!moved) {
        births_->forget(birth.address);
        lives_.on_missed_life();
        --wanted_;
        want();
        return done();
    }
    *found = {true, birth.address, moved->armed_ns + static_cast<std::uint64_t>(plan_.for_each.count())};
    lives_.on_life({++number_, place, birth.address, birth.address + plan_.offset, birth.time_ns,
                    moved->armed_ns, moved->value});
    return done();
}

Status Follower::leave(std::size_t place, const LifeEnd& end, TargetMover& mover) {
    auto parked = mover.park(place);
    places_[place].taken = false;
    lives_.on_life_end(place, end);
    want();
    return parked;
}

Status Follower::end_overdue(TargetMover& mover) {
    const std::uint64_t now = monotonic_ns();
    for (std::size_t place = 0; place < places_.size(); ++place) {
        if (!places_[place].taken || now < places_[place].until_ns) continue;
        births_->forget(places_[place].address);
        const LifeEnd end{LifeEnd::How::StillAlive, now, mover.value(place)};
        if (auto left = leave(place, end, mover); !left) return left;
    }
    return done();
}

} // namespace stakeout
