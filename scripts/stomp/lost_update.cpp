#include "scripts/stomp/lost_update.h"

#include <algorithm>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::size_t remembered =
    4096; // a task that was preempted between reading and writing is far behind
constexpr std::size_t most_functions = 64;
constexpr std::size_t most_steps = 64;
constexpr std::uint64_t enough_steps = 4; // before a step is called usual

std::optional<std::uint64_t> number_of(const std::optional<Value>& value) {
    if (!value || value->bytes.empty() || value->bytes.size() > 8) return std::nullopt;
    std::uint64_t number = 0;
    std::memcpy(&number, value->bytes.data(), value->bytes.size());
    return number;
}

// new - old as a signed number of the target's width.
std::int64_t step_of(std::uint64_t from, std::uint64_t to, std::uint32_t width) {
    const unsigned unused = width >= 8 ? 0 : 64 - 8 * width;
    return static_cast<std::int64_t>((to - from) << unused) >> unused;
}

} // namespace

// The step other than 0 that the function made most often: at least a quarter of all, since in a race most of
// them are disturbed.
std::optional<std::int64_t> LostUpdates::usual_step(const std::string& function) const {
    const auto found = steps_.find(function);
    if (found == steps_.end()) return std::nullopt;
    std::uint64_t all = 0;
    std::pair<std::int64_t, std::uint64_t> most{0, 0};
    for (const auto& [step, count] : found->second) {
        all += count;
        if (step != 0 && count > most.second) most = {step, count};
    }
    if (most.second < enough_steps || most.second * 4 < all) return std::nullopt;
    return most.first;
}

std::optional<LostUpdate> LostUpdates::add(const Hit& hit, const std::string& function) {
    const auto from = number_of(hit.old_value);
    const auto to = number_of(hit.new_value);
    if (!from || !to || hit.unordered) {
        past_.clear(); // the chain is broken here
        return std::nullopt;
    }
    const std::int64_t step = step_of(*from, *to, hit.width);
    std::optional<LostUpdate> lost;
    if (const auto usual = usual_step(function); usual && step != *usual) {
        // Newest first: the value that was read stood before the oldest of the writes that are lost.
        for (const Past& one : past_) {
            if (one.tid == hit.tid) break; // its own write: it has read after that
            if (step_of(one.old_value, *to, hit.width) == *usual)
                lost = LostUpdate{hit.seq, one.seq, function, one.function, hit.time_ns - one.time_ns};
        }
    }
    if (!lost && (steps_.size() < most_functions || steps_.contains(function))) {
        auto& steps = steps_[function];
        if (steps.size() < most_steps || steps.contains(step)) ++steps[step];
    }
    past_.push_front({hit.seq, *from, *to, hit.time_ns, hit.tid, function});
    if (past_.size() > remembered) past_.pop_back();
    return lost;
}

} // namespace stakeout
