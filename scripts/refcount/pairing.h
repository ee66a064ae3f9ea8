// Gets paired with puts. First within a task: a put gives back the task's latest get by the same function,
// else its latest get. What a task gives back without having taken waits, and is paired in order with what
// other tasks took and did not give back: references that were handed over. What remains is what the verdict
// is about: gets that lack puts, puts that lack gets.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace stakeout {

// For how long a reference may be held and still just be in use, where the longest that was given back was
// held for `longest_ns`.
[[nodiscard]] std::uint64_t usual_hold_ns(std::uint64_t longest_ns);

class Pairing {
  public:
    struct Event {
        std::uint64_t hit = 0, time_ns = 0;
        std::uint32_t tid = 0;
        std::string function; // key of the decider
    };

    void get(Event event);
    void put(Event event);
    // A new life of the object: what was open belongs to the last one.
    void forget();

    // To be called once, at the end: pairs what was handed over.
    void settle();

    [[nodiscard]] std::vector<Event> open_gets() const; // in order
    [[nodiscard]] std::vector<Event> open_puts() const;
    // (function that took, function that gave back) -> how often
    [[nodiscard]] const std::map<std::pair<std::string, std::string>, std::uint64_t>& pairs() const {
        return pairs_;
    }
    // The longest time that a reference taken by this function was held, of those given back.
    [[nodiscard]] std::uint64_t longest_hold_ns(const std::string& function) const;
    // References that another task gave back. After settle().
    [[nodiscard]] std::uint64_t handed_over() const { return handed_over_; }
    // How many references were on their way between tasks, at the least, in each third of that time. After
    // settle().
    [[nodiscard]] std::array<std::int64_t, 3> least_handed_over(std::uint64_t from_ns,
                                                                std::uint64_t to_ns) const;
    // Open gets and puts that were given up for want of room.
    [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

    static constexpr std::size_t most_open = 65536; // of each kind; then the oldest are settled early

  private:
    void pair(const Event& get, const Event& put);
    void settle_some(std::size_t leave);
    void give_up(std::size_t leave);

    std::map<std::uint32_t, std::deque<Event>> gets_; // open, by task
    std::size_t open_gets_ = 0;
    std::uint64_t forgotten_ = 0, handed_over_ = 0;
    std::deque<Event> puts_; // open
    std::map<std::pair<std::string, std::string>, std::uint64_t> pairs_;
    std::map<std::string, std::uint64_t> holds_;
    std::vector<std::pair<std::uint64_t, int>> between_tasks_; // time, +1 or -1; of settle()
};

} // namespace stakeout
