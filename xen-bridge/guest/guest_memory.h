// Reading a guest's memory by virtual addresses, through one set of its page tables.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/instruction.h"
#include "xen-bridge/guest/page_walk.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

namespace stakeout {

// Not for several threads at once. Translations are kept until forget(): what is asked of a running guest may
// be out of date from then on. So call forget() whenever the guest has run and a new question begins (a hit).
//
// Frames are mapped as they are needed; after 1,024 the memory forgets by itself. Hold no span of the same
// GuestFrames across a call to this class.
class GuestMemory {
  public:
    GuestMemory(GuestFrames& frames, PageTables tables) : frames_(frames), tables_(tables) {}

    // Copies what lies at `address`; crosses pages. Returns how many bytes from the start could be read:
    // fewer where a page is not mapped.
    std::size_t read(std::uint64_t address, std::span<std::uint8_t> into);
    template <class T>
    std::optional<T> read(std::uint64_t address) {
        static_assert(std::is_trivially_copyable_v<T>);
        std::array<std::uint8_t, sizeof(T)> bytes{};
        if (read(address, std::span(bytes)) != sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
    // Up to the zero byte, which must come within `limit` bytes. Error (CannotArm): not mapped, or no end.
    Result<std::string> read_string(std::uint64_t address, std::size_t limit = 256);

    // The page that holds an address, with its rights; errors as walk().
    Result<GuestPage> page(std::uint64_t address);
    // Guest-physical (PV: machine) address of a virtual one.
    std::optional<std::uint64_t> physical(std::uint64_t address);
    WalkEnd walk_to_end(std::uint64_t address) { return stakeout::walk_to_end(frames_, tables_, address); }

    // As the functions of watchpoints/hit want it. Lives no longer than this object.
    [[nodiscard]] CodeReader reader();
    // The same for data alone: executable pages are as good as not mapped. Half of a kernel's image is text,
    // and each page that is mapped takes time.
    [[nodiscard]] CodeReader data_reader();

    void forget();
    [[nodiscard]] GuestFrames& frames() { return frames_; }
    [[nodiscard]] const PageTables& tables() const { return tables_; }

  private:
    struct Known {
        std::uint64_t page = 1; // page-aligned address; 1: nothing
        std::uint64_t frame = 0;
        bool executable = false;
    };
    enum class Want { Everything, Data };
    std::size_t read(std::uint64_t address, std::span<std::uint8_t> into, Want want);
    std::optional<std::uint64_t> frame_of(std::uint64_t page, Want want = Want::Everything);
    void expect(std::uint64_t address, std::size_t size, Want want); // a long read begins

    GuestFrames& frames_;
    PageTables tables_;
    std::array<Known, 256> known_{}; // by the page number's low bits
    std::size_t mapped_ = 0;         // frames asked for since the last forget(), roughly
};

} // namespace stakeout
