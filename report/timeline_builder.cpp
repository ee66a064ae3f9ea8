#include "report/timeline_builder.h"

#include <algorithm>
#include <utility>

namespace stakeout {
namespace {

void widen(TimelineBin& bin, std::optional<double> low, std::optional<double> high) {
    if (low) bin.low = bin.low ? std::min(*bin.low, *low) : *low;
    if (high) bin.high = bin.high ? std::max(*bin.high, *high) : *high;
}

// `later` follows `into` in time.
void merge(TimelineBin& into, TimelineBin&& later) {
    into.hits += later.hits;
    widen(into, later.low, later.high);
    if (later.last) into.last = std::move(later.last);
}

} // namespace

std::optional<double> as_number(const Value& value, bool is_signed) {
    if (value.bytes.empty() || value.bytes.size() > 8) return std::nullopt;
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < value.bytes.size(); ++i)
        number |= static_cast<std::uint64_t>(value.bytes[i]) << (8 * i);
    if (!is_signed) return static_cast<double>(number);
    const std::size_t unused = 64 - 8 * value.bytes.size();
    return static_cast<double>(static_cast<std::int64_t>(number << unused) >> unused);
}

TimelineBuilder::TimelineBuilder(std::vector<bool> is_signed) : is_signed_(std::move(is_signed)) {
    timeline_.targets.resize(is_signed_.size());
}

void TimelineBuilder::add(std::size_t target, std::uint64_t t_us, const std::optional<Value>& value) {
    if (target >= timeline_.targets.size()) return;
    while (t_us / timeline_.bin_us >= most_bins) halve();
    const std::size_t index = t_us / timeline_.bin_us;
    std::vector<TimelineBin>& bins = timeline_.targets[target];
    if (index >= bins.size()) bins.resize(index + 1);
    TimelineBin& bin = bins[index];
    ++bin.hits;
    if (!value) return;
    const std::optional<double> number = as_number(*value, is_signed_[target]);
    widen(bin, number, number);
    bin.last = *value;
}

void TimelineBuilder::halve() {
    timeline_.bin_us *= 2;
    for (std::vector<TimelineBin>& bins : timeline_.targets) {
        for (std::size_t i = 1; i < bins.size(); ++i) {
            if (i % 2 == 1)
                merge(bins[i / 2], std::move(bins[i]));
            else
                bins[i / 2] = std::move(bins[i]);
        }
        bins.resize((bins.size() + 1) / 2);
    }
}

} // namespace stakeout
