#include "scripts/refcount/pairing.h"

#include <algorithm>

namespace stakeout {

void Pairing::get(Event event) {
    if (open_gets_ == most_open) settle_some(most_open / 2);
    gets_[event.tid].push_back(std::move(event));
    ++open_gets_;
}

void Pairing::put(Event event) {
    const auto own = gets_.find(event.tid);
    if (own == gets_.end() || own->second.empty()) {
        if (puts_.size() == most_open) settle_some(most_open / 2);
        puts_.push_back(std::move(event));
        return;
    }
    std::deque<Event>& open = own->second;
    auto taken = std::find_if(open.rbegin(), open.rend(),
                              [&](const Event& get) { return get.function == event.function; });
    if (taken == open.rend()) taken = open.rbegin();
    pair(*taken, event);
    open.erase(std::next(taken).base());
    --open_gets_;
    if (open.empty()) gets_.erase(own);
}

void Pairing::forget() {
    gets_.clear();
    puts_.clear();
    open_gets_ = 0;
}

void Pairing::pair(const Event& get, const Event& put) {
    ++pairs_[{get.function, put.function}];
    std::uint64_t& longest = holds_[get.function];
    longest = std::max(longest, put.time_ns - get.time_ns);
}

std::vector<Pairing::Event> Pairing::open_gets() const {
    std::vector<Event> all;
    for (const auto& [tid, open] : gets_) all.insert(all.end(), open.begin(), open.end());
    std::sort(all.begin(), all.end(), [](const Event& a, const Event& b) { return a.hit < b.hit; });
    return all;
}

std::vector<Pairing::Event> Pairing::open_puts() const { return {puts_.begin(), puts_.end()}; }

// References that changed hands: in order, each put takes the earliest get that was made before it.
void Pairing::settle_some(std::size_t leave) {
    std::vector<Event> gets = open_gets();
    std::vector<Event> kept_gets;
    std::deque<Event> kept_puts;
    std::size_t next_put = 0;
    std::size_t paired = 0;
    const std::size_t most =
        std::min(gets.size(), puts_.size()) - std::min({leave, gets.size(), puts_.size()});
    for (const Event& get : gets) {
        while (next_put < puts_.size() && puts_[next_put].hit < get.hit)
            kept_puts.push_back(puts_[next_put++]);
        if (next_put < puts_.size() && (leave == 0 || paired < most)) {
            pair(get, puts_[next_put++]);
            ++paired;
            ++handed_over_;
        } else {
            kept_gets.push_back(get);
        }
    }
    kept_puts.insert(kept_puts.end(), puts_.begin() + static_cast<std::ptrdiff_t>(next_put), puts_.end());
    puts_ = std::move(kept_puts);
    gets_.clear();
    open_gets_ = kept_gets.size();
    for (Event& get : kept_gets) gets_[get.tid].push_back(std::move(get));
    if (leave != 0) give_up(leave);
}

// Still too many of one kind: the oldest are given up, and counted; half of them at once, for this is not
// cheap.
void Pairing::give_up(std::size_t leave) {
    while (puts_.size() > leave) {
        puts_.pop_front();
        ++forgotten_;
    }
    std::vector<Event> gets = open_gets();
    if (gets.size() <= leave) return;
    forgotten_ += gets.size() - leave;
    gets_.clear();
    open_gets_ = leave;
    for (std::size_t i = gets.size() - leave; i < gets.size(); ++i)
        gets_[gets[i].tid].push_back(std::move(gets[i]));
}

void Pairing::settle() {
    for (const auto& [tid, open] : gets_)
        for (const Event& get : open) between_tasks_.emplace_back(get.time_ns, 1);
    for (const Event& put : puts_) between_tasks_.emplace_back(put.time_ns, -1);
    std::sort(between_tasks_.begin(), between_tasks_.end());
    settle_some(0);
}

std::array<std::int64_t, 3> Pairing::least_handed_over(std::uint64_t from_ns, std::uint64_t to_ns) const {
    std::array<std::int64_t, 3> least{};
    std::array<bool, 3> seen{};
    const std::uint64_t span = std::max<std::uint64_t>(1, to_ns - from_ns);
    std::int64_t open = 0;
    for (const auto& [time, step] : between_tasks_) {
        open += step;
        const auto third = static_cast<std::size_t>(std::min<std::uint64_t>(2, 3 * (time - from_ns) / span));
        least.at(third) = seen.at(third) ? std::min(least.at(third), open) : open;
        seen.at(third) = true;
    }
    return least;
}

std::uint64_t usual_hold_ns(std::uint64_t longest_ns) {
    constexpr std::uint64_t settle_ns = 100'000'000;
    return std::max(2 * longest_ns, settle_ns);
}

std::uint64_t Pairing::longest_hold_ns(const std::string& function) const {
    const auto found = holds_.find(function);
    return found == holds_.end() ? 0 : found->second;
}

} // namespace stakeout
