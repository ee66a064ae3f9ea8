// Some of all hits, in a bounded number of rows: the first, the last, and of those between every n-th, where
// n doubles whenever the rows run out.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

class RowSample {
  public:
    static constexpr std::size_t most_first = 4'000, most_last = 4'000, most_between = 12'000;

    void add(const ReportRow& row);
    [[nodiscard]] std::vector<ReportRow> rows() const; // in the order they came
    [[nodiscard]] std::string how() const;             // "all of them"

  private:
    struct Numbered {
        std::uint64_t number = 0; // among all
        ReportRow row;
    };
    std::uint64_t total_ = 0;
    std::uint64_t step_ = 1;
    std::vector<Numbered> first_;
    std::vector<Numbered> between_;
    std::vector<Numbered> last_; // a ring: a new row takes the oldest one's place, and its memory
};

} // namespace stakeout
