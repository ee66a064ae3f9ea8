#include "watchpoints/target/process_maps.h"

#include "base/text_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace stakeout {
namespace {

// The next field of a line, separated by blanks; the rest is left in `line`.
std::string_view take_field(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view field = line.substr(0, line.find(' '));
    line.remove_prefix(field.size());
    return field;
}

bool parse_number(std::string_view text, int base, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size();
}

// "7f..-7f.. r-xp 00001000 fd:01 1234    /usr/lib/libc.so.6 (deleted)"
std::optional<Mapping> parse_line(std::string_view line) {
    Mapping mapping;
    const std::string_view range = take_field(line);
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    if (!parse_number(range.substr(0, dash), 16, mapping.start) ||
        !parse_number(range.substr(dash + 1), 16, mapping.end) || mapping.end <= mapping.start)
        return std::nullopt;
    const std::string_view rights = take_field(line);
    if (rights.size() < 4) return std::nullopt;
    mapping.readable = rights[0] == 'r';
    mapping.writable = rights[1] == 'w';
    mapping.executable = rights[2] == 'x';
    mapping.shared = rights[3] == 's';
    if (!parse_number(take_field(line), 16, mapping.offset)) return std::nullopt;
    mapping.device = take_field(line);
    if (!parse_number(take_field(line), 10, mapping.inode)) return std::nullopt;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    constexpr std::string_view mark = " (deleted)";
    if (line.ends_with(mark)) {
        mapping.deleted = true;
        line.remove_suffix(mark.size());
    }
    mapping.path = line;
    return mapping;
}

} // namespace

std::string path_for_us(int pid, const Mapping& mapping) {
    if (mapping.deleted) return fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end);
    return fmt::format("/proc/{}/root{}", pid, mapping.path);
}

Result<ProcessMaps> ProcessMaps::read(int pid) {
    const std::string tried = "read the memory map of process " + std::to_string(pid);
    auto text = read_text_file("/proc/" + std::to_string(pid) + "/maps");
    if (text) return parse(*text);
    const int reason = text.error().errno_value;
    if (reason == ENOENT || reason == ESRCH)
        return lost_target(tried, "there is no such process", "look for it with: ps -e");
    return arm_error(tried, "this user may not look into it", "run stakeout as root", reason);
}

ProcessMaps ProcessMaps::parse(std::string_view text) {
    ProcessMaps maps;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (auto mapping = parse_line(text.substr(0, end))) maps.mappings_.push_back(std::move(*mapping));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const auto by_start = [](const Mapping& a, const Mapping& b) { return a.start < b.start; };
    std::stable_sort(maps.mappings_.begin(), maps.mappings_.end(), by_start);
    return maps;
}

const Mapping* ProcessMaps::containing(std::uint64_t address) const {
    const auto after =
        std::upper_bound(mappings_.begin(), mappings_.end(), address,
                         [](std::uint64_t a, const Mapping& mapping) { return a < mapping.start; });
    if (after == mappings_.begin()) return nullptr;
    const Mapping& candidate = *std::prev(after);
    return address < candidate.end ? &candidate : nullptr;
}

} // namespace stakeout
