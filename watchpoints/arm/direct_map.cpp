#include "watchpoints/arm/direct_map.h"

#include "base/owned_fd.h"
#include "watchpoints/target/address_rules.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <random>
#include <span>

namespace stakeout {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
using Magic = std::array<std::uint8_t, 64>;

// A locked page with contents that nobody else has.
class MarkedPage {
  public:
    MarkedPage() {
        void* page = ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
        if (page == MAP_FAILED) return;
        page_ = page;
        std::random_device random;
        for (std::uint8_t& byte : magic_) byte = static_cast<std::uint8_t>(random());
        std::memcpy(page_, magic_.data(), magic_.size());
    }
    MarkedPage(const MarkedPage&) = delete;
    MarkedPage& operator=(const MarkedPage&) = delete;
    ~MarkedPage() {
        if (page_ != nullptr) ::munmap(page_, page_bytes);
    }
    [[nodiscard]] const Magic& magic() const { return magic_; }
    // Physical address, from /proc/self/pagemap (bits 0-54 are the frame number; zero without CAP_SYS_ADMIN).
    [[nodiscard]] std::uint64_t physical() const {
        const OwnedFd map(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
        std::uint64_t entry = 0;
        const auto at = static_cast<off_t>(std::bit_cast<std::uintptr_t>(page_) / page_bytes * sizeof(entry));
        if (page_ == nullptr ||
            ::pread(map.get(), &entry, sizeof(entry), at) != static_cast<ssize_t>(sizeof(entry)))
            return 0;
        constexpr std::uint64_t frame_bits = (std::uint64_t{1} << 55U) - 1;
        return (entry & frame_bits) * page_bytes;
    }

  private:
    void* page_ = nullptr;
    Magic magic_{};
};

bool shows(const KernelPeek& peek, std::uint64_t address, const Magic& magic) {
    Magic found{};
    return peek.read(address, found) && found == magic;
}

} // namespace

std::optional<DirectMap> find_direct_map(const KernelPeek& peek, std::uint64_t inside) {
    const MarkedPage page;
    const std::uint64_t physical = page.physical();
    constexpr std::uint64_t most_physical = std::uint64_t{1} << 46U; // kernel_alias() of bpf/hit.bpf.c
    if (physical == 0 || physical >= most_physical) return std::nullopt;
    DirectMap map;
    map.page_levels = machine_has_five_levels() && inside < 0xffff800000000000U ? 5 : 4;
    // From the address down: the base is a multiple of 1 GiB at most as far below as there is physical
    // memory.
    constexpr int most_steps = 8192;
    std::uint64_t base = inside & ~(gib - 1);
    for (int step = 0; step < most_steps; ++step, base -= gib) {
        if (!shows(peek, base + physical, page.magic())) continue;
        map.base = base;
        return map;
    }
    return std::nullopt;
}

} // namespace stakeout
