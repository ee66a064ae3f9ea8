#include "tools/options/moment.h"

#include "tools/options/duration.h"

#include <charconv>
#include <ctime>
#include <string>
#include <vector>

namespace stakeout {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// "2026-11-22" split at '-' -> 2026, 11, 22; empty where a part is no number.
std::vector<int> numbers_of(std::string_view text, char separator) {
    std::vector<int> numbers;
    while (true) {
        const std::size_t end = std::min(text.find(separator), text.size());
        const std::string_view part = text.substr(0, end);
        int number = 0;
        const auto [stop, problem] = std::from_chars(part.data(), part.data() + part.size(), number);
        if (problem != std::errc{} || stop != part.data() + part.size() || number < 0) return {};
        numbers.push_back(number);
        if (end == text.size()) return numbers;
        text.remove_prefix(end + 1);
    }
}

std::int64_t to_wall_ns(tm parts) {
    parts.tm_isdst = -1;
    return static_cast<std::int64_t>(::mktime(&parts)) * second_ns;
}

} // namespace

Result<Moment> Moment::parse(std::string_view text) {
    const auto refused = [text] {
        return usage_error("read the time " + std::string(text),
                           "it is none of 10m (before the end), 14:20, 14:20:30 and '2026-11-22 14:20'");
    };
    Moment moment;
    if (auto duration = parse_duration(text)) {
        moment.before_end_ = *duration;
        return moment;
    }
    const std::size_t blank = text.find_first_of(" T");
    if (blank != std::string_view::npos) {
        const std::vector<int> day = numbers_of(text.substr(0, blank), '-');
        if (day.size() != 3 || day[0] < 1970 || day[0] > 9999 || day[1] < 1 || day[1] > 12 || day[2] < 1 ||
            day[2] > 31)
            return refused();
        moment.day_ = Day{day[0], day[1], day[2]};
        text.remove_prefix(blank + 1);
    }
    const std::vector<int> time = numbers_of(text, ':');
    if (time.size() < 2 || time.size() > 3 || time[0] > 23 || time[1] > 59) return refused();
    moment.hour_ = time[0];
    moment.minute_ = time[1];
    if (time.size() == 3) moment.second_ = time[2];
    if (moment.second_ > 59) return refused();
    return moment;
}

std::int64_t Moment::wall_ns(std::int64_t end_wall_ns) const {
    if (before_end_) return end_wall_ns - before_end_->count();
    const time_t end = end_wall_ns / second_ns;
    tm parts{};
    ::localtime_r(&end, &parts);
    if (day_) {
        parts.tm_year = day_->year - 1900;
        parts.tm_mon = day_->month - 1;
        parts.tm_mday = day_->day;
    }
    parts.tm_hour = hour_;
    parts.tm_min = minute_;
    parts.tm_sec = second_;
    const std::int64_t moment = to_wall_ns(parts);
    if (day_ || moment <= end_wall_ns) return moment;
    parts.tm_mday -= 1; // the day before
    return to_wall_ns(parts);
}

} // namespace stakeout
