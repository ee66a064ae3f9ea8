// The first and the last of what may come without end, and how many were left out between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace stakeout {

template <class T>
class BoundedList {
  public:
    // Half of `most` at the beginning, half at the end.
    explicit BoundedList(std::size_t most) : half_(most / 2) {}

    void add(T one) {
        ++total_;
        if (first_.size() < half_) {
            first_.push_back(std::move(one));
            return;
        }
        if (last_.size() == half_) last_.pop_front();
        last_.push_back(std::move(one));
    }
    [[nodiscard]] std::vector<T> kept() const {
        std::vector<T> all = first_;
        all.insert(all.end(), last_.begin(), last_.end());
        return all;
    }
    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] std::uint64_t left_out() const { return total_ - first_.size() - last_.size(); }

  private:
    std::size_t half_;
    std::uint64_t total_ = 0;
    std::vector<T> first_;
    std::deque<T> last_;
};

} // namespace stakeout
