#include "scripts/leak/memory_limit.h"

#include "base/text_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace stakeout {
namespace {

std::optional<std::uint64_t> number_at(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc()) return std::nullopt; // "max", "unlimited"
    return number;
}

// The number after `name` in a file of lines "name   number ...".
std::optional<std::uint64_t> number_in(const std::string& path, std::string_view name) {
    const auto text = read_text_file(path);
    if (!text) return std::nullopt;
    const std::size_t at = text->find(name);
    return at == std::string::npos ? std::nullopt
                                   : number_at(std::string_view(*text).substr(at + name.size()));
}

std::optional<std::uint64_t> kilobytes_in(const std::string& path, std::string_view name) {
    const auto number = number_in(path, name);
    return number ? std::optional(*number * 1024) : std::nullopt;
}

class Nearest {
  public:
    void offer(std::string name, std::optional<std::uint64_t> limit, std::optional<std::uint64_t> used) {
        if (!limit || !used) return;
        const std::uint64_t left = *limit > *used ? *limit - *used : 0;
        if (!found_ || left < found_->bytes_left) found_ = MemoryLimit{std::move(name), left};
    }
    [[nodiscard]] const std::optional<MemoryLimit>& found() const { return found_; }

  private:
    std::optional<MemoryLimit> found_;
};

// Every group up to the root may have a limit of its own.
void offer_cgroups(int pid, Nearest& nearest) {
    const auto text = read_text_file(fmt::format("/proc/{}/cgroup", pid));
    const std::size_t at = text ? text->find("0::/") : std::string::npos;
    if (at == std::string::npos) return;
    std::string group = text->substr(at + 3, text->find('\n', at) - at - 3);
    while (!group.empty()) {
        const std::string folder = "/sys/fs/cgroup" + group;
        const auto limit = read_text_file(folder + "/memory.max");
        const auto used = read_text_file(folder + "/memory.current");
        if (limit && used)
            nearest.offer(fmt::format("cgroup memory.max ({})", group), number_at(*limit), number_at(*used));
        group.resize(group.rfind('/'));
    }
}

} // namespace

std::optional<MemoryLimit> nearest_memory_limit(std::optional<int> pid) {
    Nearest nearest;
    nearest.offer("RAM (MemAvailable)", kilobytes_in("/proc/meminfo", "MemAvailable:"), 0);
    if (pid) {
        const std::string folder = fmt::format("/proc/{}", *pid);
        nearest.offer("RLIMIT_AS", number_in(folder + "/limits", "Max address space"),
                      kilobytes_in(folder + "/status", "VmSize:"));
        nearest.offer("RLIMIT_DATA", number_in(folder + "/limits", "Max data size"),
                      kilobytes_in(folder + "/status", "VmData:"));
        offer_cgroups(*pid, nearest);
    }
    return nearest.found();
}

} // namespace stakeout
