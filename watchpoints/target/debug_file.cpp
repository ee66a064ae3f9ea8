#include "watchpoints/target/debug_file.h"

#include <unistd.h>
#include <zlib.h>

#include <array>
#include <filesystem>

namespace stakeout {
namespace {

constexpr const char* debug_root = "/usr/lib/debug";

bool has_crc(const ElfFile& file, std::uint32_t wanted) {
    std::array<unsigned char, 64UL * 1024> buffer{};
    uLong crc = ::crc32(0, nullptr, 0);
    off_t at = 0;
    for (;;) {
        const ssize_t got = ::pread(file.fd(), buffer.data(), buffer.size(), at);
        if (got < 0) return false;
        if (got == 0) return crc == wanted;
        crc = ::crc32(crc, buffer.data(), static_cast<uInt>(got));
        at += got;
    }
}

std::unique_ptr<ElfFile> open_if_there(const std::string& path) {
    auto file = ElfFile::open(path);
    return file ? std::move(*file) : nullptr;
}

} // namespace

std::unique_ptr<ElfFile> find_debug_file(const ElfFile& file, const std::string& path) {
    const std::string id = file.build_id();
    if (id.size() > 2) {
        auto found = open_if_there(std::string(debug_root) + "/.build-id/" + id.substr(0, 2) + "/" +
                                   id.substr(2) + ".debug");
        if (found && found->build_id() == id) return found;
    }
    const auto link = file.debug_link();
    if (!link) return nullptr;
    std::error_code none;
    const std::filesystem::path folder = std::filesystem::canonical(path, none).parent_path();
    for (const auto& place : {folder / link->name, folder / ".debug" / link->name,
                              std::filesystem::path(debug_root + folder.string()) / link->name}) {
        auto found = open_if_there(place.string());
        if (!found) continue;
        const std::string its_id = found->build_id();
        if (id.empty() || its_id.empty() ? has_crc(*found, link->crc) : its_id == id) return found;
    }
    return nullptr;
}

} // namespace stakeout
