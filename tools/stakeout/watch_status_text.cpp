#include "tools/stakeout/watch_status_text.h"

#include "base/printable.h"

#include <fmt/format.h>

namespace stakeout {

std::string short_duration(double seconds) {
    const auto whole = static_cast<std::uint64_t>(seconds);
    if (whole < 60) return fmt::format("{}s", whole);
    if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
    if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
    return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

std::string short_rate(double per_second) {
    if (per_second >= 1e6) return fmt::format("{:.1f}M/s", per_second / 1e6);
    if (per_second >= 1e4) return fmt::format("{:.0f}k/s", per_second / 1e3);
    if (per_second >= 10 || per_second == 0) return fmt::format("{:.0f}/s", per_second);
    return fmt::format("{:.1f}/s", per_second);
}

std::string target_text(const WatchStatus& status) {
    if (status.targets.empty()) return "?";
    std::string text = printable(status.targets.front().name);
    if (status.targets.size() > 1) text += fmt::format(" and {} more", status.targets.size() - 1);
    return text;
}

std::string coverage_text(const WatchStatus& status) {
    return fmt::format("{}/{}{}", status.cpus_armed.size(), status.cpus_online,
                       status.cpus_armed.size() < status.cpus_online ? "!" : "");
}

std::string brake_text(const WatchStatus& status) {
    if (!status.brake) return "off";
    if (!status.cpus_braked.empty()) return "BRAKING";
    if (status.braked == 0) return "on";
    return fmt::format("{}x {:.1f}s", status.braked, static_cast<double>(status.braked_ns) / 1e9);
}

std::string last_text(const WatchStatus& status) {
    if (!status.last) return "-";
    const double ago = static_cast<double>(status.now_ns - status.last->time_ns) / 1e9;
    return fmt::format("{}[{}] {} {} ago", printable(status.last->comm), status.last->pid,
                       status.last->function.empty() ? "?" : printable(status.last->function),
                       short_duration(ago < 0 ? 0 : ago));
}

} // namespace stakeout
