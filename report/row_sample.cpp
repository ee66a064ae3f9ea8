#include "report/row_sample.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

std::string ordinal(std::uint64_t n) {
    const std::uint64_t tens = n % 100;
    const bool teen = tens >= 11 && tens <= 13;
    const std::string_view end = teen || n % 10 == 0 || n % 10 > 3 ? "th"
                                 : n % 10 == 1                     ? "st"
                                 : n % 10 == 2                     ? "nd"
                                                                   : "rd";
    return fmt::format("{}{}", n, end);
}

} // namespace

void RowSample::add(const ReportRow& row) {
    const std::uint64_t number = total_++;
    if (number < most_first) {
        first_.push_back({number, row});
        return;
    }
    if (number % step_ == 0) {
        if (between_.size() == most_between) {
            step_ *= 2;
            std::erase_if(between_, [this](const Numbered& kept) { return kept.number % step_ != 0; });
        }
        if (number % step_ == 0) between_.push_back({number, row});
    }
    if (last_.size() < most_last) {
        last_.push_back({number, row});
        return;
    }
    Numbered& oldest = last_[(number - most_first) % most_last];
    oldest.number = number;
    oldest.row = row;
}

std::vector<ReportRow> RowSample::rows() const {
    std::vector<ReportRow> rows;
    rows.reserve(first_.size() + between_.size() + last_.size());
    for (const Numbered& one : first_) rows.push_back(one.row);
    const std::uint64_t last_begins = total_ - last_.size();
    for (const Numbered& one : between_)
        if (one.number < last_begins) rows.push_back(one.row);
    for (std::uint64_t number = last_begins; number < total_; ++number)
        rows.push_back(last_[(number - most_first) % most_last].row);
    return rows;
}

std::string RowSample::how() const {
    const std::uint64_t last_begins = total_ - last_.size();
    if (total_ <= most_first || step_ == 1 || last_begins <= most_first) return "all";
    return fmt::format("the first {}, every {} after them, and the last {}", first_.size(), ordinal(step_),
                       last_.size());
}

} // namespace stakeout
