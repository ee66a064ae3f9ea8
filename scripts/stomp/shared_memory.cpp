#include "scripts/stomp/shared_memory.h"

#include "base/text_file.h"
#include "watchpoints/target/process_maps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>
#include <vector>

namespace stakeout {
namespace {

bool is_same_file(const Mapping& one, const Mapping& other) {
    return one.inode == other.inode && one.device == other.device && one.inode != 0;
}

std::string name_of(int pid) {
    std::string name;
    if (auto text = read_text_file(fmt::format("/proc/{}/comm", pid))) name = *text;
    while (name.ends_with('\n')) name.pop_back();
    return name;
}

// Writable mappings of the file page that holds the address, apart from the one that does.
std::size_t writable_mappings(const ProcessMaps& maps, const Mapping& home, std::uint64_t file_offset,
                              bool is_own) {
    std::size_t count = 0;
    for (const Mapping& mapping : maps.all()) {
        if (!mapping.writable || !is_same_file(mapping, home)) continue;
        if (is_own && mapping.start == home.start) continue;
        if (mapping.offset <= file_offset && file_offset < mapping.offset + (mapping.end - mapping.start))
            ++count;
    }
    return count;
}

} // namespace

std::string other_mappings(int pid, std::uint64_t address) {
    auto maps = ProcessMaps::read(pid);
    if (!maps) return {};
    const Mapping* home = maps->containing(address);
    if (home == nullptr || home->inode == 0 || !home->shared) return {};
    const std::uint64_t file_offset = home->offset + (address - home->start);
    std::vector<std::string> who;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
        const std::string name = entry.path().filename();
        int other = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), other);
        if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
        auto theirs = ProcessMaps::read(other);
        if (!theirs) continue;
        const std::size_t count = writable_mappings(*theirs, *home, file_offset, other == pid);
        if (count != 0) who.push_back(fmt::format("{} ({})", name_of(other), other));
    }
    if (who.empty()) return {};
    return fmt::format(
        "{}, which is also mapped writably {} {}", home->path.empty() ? "shared memory" : home->path,
        who.size() == 1 && who.front() == fmt::format("{} ({})", name_of(pid), pid) ? "a second time by"
                                                                                    : "by",
        fmt::join(who, ", "));
}

} // namespace stakeout
