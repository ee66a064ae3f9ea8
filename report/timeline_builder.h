// Hits and values over time in a bounded number of bins: whenever time runs out of them, each two become one
// of twice the width. Ten minutes and ten days take the same memory, and nothing has to be known beforehand.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stakeout {

class TimelineBuilder {
  public:
    static constexpr std::size_t most_bins = 8192;

    // `is_signed[i]`: target i's values are signed numbers.
    explicit TimelineBuilder(std::vector<bool> is_signed);
    void add(std::size_t target, std::uint64_t t_us, const std::optional<Value>& value);
    [[nodiscard]] const Timeline& timeline() const { return timeline_; }

  private:
    void halve();

    std::vector<bool> is_signed_;
    Timeline timeline_;
};

// A little-endian number of up to eight bytes; absent: it is wider, or has no bytes.
std::optional<double> as_number(const Value& value, bool is_signed);

} // namespace stakeout
