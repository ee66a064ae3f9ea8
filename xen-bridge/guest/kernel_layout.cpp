#include "xen-bridge/guest/kernel_layout.h"

namespace stakeout {
namespace {

constexpr std::uint64_t most_direct_map = 64ULL << 40; // 4 levels; 5-level guests that large are not Xen's

std::uint64_t direct_map_bytes(const GuestLayout& layout) {
    return layout.direct_map_bytes != 0 ? layout.direct_map_bytes : most_direct_map;
}

} // namespace

std::optional<std::uint64_t> direct_map_address(const GuestLayout& layout, std::uint64_t physical) {
    if (layout.page_offset == 0 || physical >= direct_map_bytes(layout)) return std::nullopt;
    return layout.page_offset + physical;
}

std::optional<std::uint64_t> image_address(const GuestLayout& layout, std::uint64_t physical) {
    const std::uint64_t address = physical - layout.phys_base + kernel_map_start;
    if (address < layout.image_start || address >= layout.image_end) return std::nullopt;
    return address;
}

std::optional<std::uint64_t> physical_of(const GuestLayout& layout, std::uint64_t address) {
    if (address >= layout.image_start && address < layout.image_end)
        return address - kernel_map_start + layout.phys_base;
    if (layout.page_offset != 0 && address - layout.page_offset < direct_map_bytes(layout))
        return address - layout.page_offset;
    return std::nullopt;
}

std::vector<KernelAlias> aliases(const GuestLayout& layout, std::uint64_t physical) {
    std::vector<KernelAlias> found;
    if (const auto address = direct_map_address(layout, physical))
        found.push_back({KernelAlias::Kind::DirectMap, *address});
    if (const auto address = image_address(layout, physical))
        found.push_back({KernelAlias::Kind::Image, *address});
    return found;
}

std::vector<KernelAlias> same_frame_aliases(GuestMemory& memory, const GuestLayout& layout,
                                            std::uint64_t physical, std::uint64_t frame) {
    std::vector<KernelAlias> found = aliases(layout, physical);
    std::erase_if(found, [&](const KernelAlias& alias) {
        const WalkEnd end = memory.walk_to_end(alias.address);
        return !end.mapped() || end.page.frame != frame;
    });
    return found;
}

} // namespace stakeout
