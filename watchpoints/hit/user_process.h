// One process as the symboliser knows it: its maps, its files, and the frames told so far.
#pragma once

#include "watchpoints/hit/hit.h"
#include "watchpoints/target/elf_image.h"
#include "watchpoints/target/process_maps.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace stakeout {

// ELF files by identity, so that libc is opened once for all processes. Files that no process uses go away.
class ImageCache {
  public:
    // `path` as we can open it. Null: not there, or no ELF file.
    std::shared_ptr<ElfImage> open(const std::string& path);
    void forget_lines() const; // of all files

  private:
    struct Identity {
        std::uint64_t device, inode;
        std::int64_t changed_ns;
        auto operator<=>(const Identity&) const = default;
    };
    std::map<Identity, std::weak_ptr<ElfImage>> images_;
    std::size_t sweep_at_ = 256;
};

class UserProcess {
  public:
    explicit UserProcess(std::uint32_t pid) : pid_(pid) {}

    // Reads the maps and opens the mapped program files. False, with everything as it was: the process is
    // gone.
    bool refresh(ImageCache& images);
    [[nodiscard]] bool known() const { return !mapped_.empty(); }

    // The frame told before, or a new one. `images` is for maps that have changed since.
    const Frame& frame(std::uint64_t ip, bool is_return_address, ImageCache& images);
    std::optional<std::uint64_t> function_start(std::uint64_t ip, ImageCache& images);
    std::size_t read_code(std::uint64_t address, std::span<std::uint8_t> into) const;

    [[nodiscard]] std::size_t cached_frames() const { return frames_.size(); }
    void forget_frames() { frames_.clear(); }

  private:
    struct Mapped {
        std::uint64_t start = 0, end = 0;
        std::uint64_t linked_start = 0; // the address `start` has in the file
        std::string path;
        std::shared_ptr<ElfImage> image; // null: none, or not to be had
    };
    [[nodiscard]] const Mapped* containing(std::uint64_t address) const;
    // As above; where nothing is mapped, the maps are read again, once a second at most: dlopen() adds to
    // them.
    const Mapped* containing_or_new(std::uint64_t address, ImageCache& images);
    Frame describe(std::uint64_t ip, bool is_return_address, ImageCache& images);
    [[nodiscard]] std::shared_ptr<ElfImage> open_image(const Mapping& mapping, ImageCache& images) const;

    std::uint32_t pid_;
    std::vector<Mapped> mapped_;                      // sorted; executable mappings only
    std::unordered_map<std::uint64_t, Frame> frames_; // key: ip, and its top bit for a return address
    std::chrono::steady_clock::time_point next_reading_;
};

} // namespace stakeout
