#include "scripts/stomp/slab_object.h"

#include <array>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::uint64_t page_shift = 12;

// Offset of a member, by a walk from address 0: no pointer is on the way.
std::optional<std::uint64_t> offset_of(const KernelTypes& types, std::string_view type,
                                       std::vector<PathStep> path) {
    auto id = types.find(type);
    if (!id) return std::nullopt;
    const auto nothing_to_read = [](std::uint64_t, std::uint64_t&) { return false; };
    auto place = types.walk(0, *id, false, path, nothing_to_read);
    if (!place) return std::nullopt;
    return place->address;
}

std::optional<std::uint64_t> size_of(const KernelTypes& types, std::string_view type) {
    auto id = types.find(type);
    if (!id) return std::nullopt;
    auto place = types.walk(0, *id, false, {}, [](std::uint64_t, std::uint64_t&) { return false; });
    if (!place) return std::nullopt;
    return place->size;
}

PathStep member(std::string name) { return {PathStep::Kind::Member, std::move(name), 0}; }

std::optional<std::uint64_t> variable(const KernelPeek& peek, const KernelSymbols& symbols,
                                      std::string_view name) {
    const auto found = symbols.find(name);
    std::uint64_t word = 0;
    if (found.size() != 1 || !peek.read_word(found.front().address, word)) return std::nullopt;
    return word;
}

// The upper half; with five page levels it begins at 0xff00....
bool is_kernel_pointer(std::uint64_t address) { return address >= 0xff00000000000000ULL; }

std::optional<std::string> read_name(const KernelPeek& peek, std::uint64_t address) {
    std::array<std::uint8_t, 48> bytes{};
    // A name may stand at a page's end: read less then.
    std::size_t length = bytes.size();
    while (length >= 8 && !peek.read(address, std::span(bytes).first(length))) length /= 2;
    std::string name;
    for (std::size_t i = 0; i < length && bytes[i] != 0; ++i) {
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f) return std::nullopt;
        name += static_cast<char>(bytes[i]);
    }
    if (name.empty() || name.size() == length) return std::nullopt;
    return name;
}

std::uint32_t low_half(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

} // namespace

std::unique_ptr<SlabLookup> SlabLookup::make(const KernelPeek& peek, const KernelSymbols& symbols,
                                             const KernelTypes& types) {
    const auto direct_map = variable(peek, symbols, "page_offset_base");
    const auto pages = variable(peek, symbols, "vmemmap_base");
    const auto page_bytes = size_of(types, "struct page");
    const auto head = offset_of(types, "struct page", {member("compound_head")});
    const auto cache = offset_of(types, "struct slab", {member("slab_cache")});
    const auto name = offset_of(types, "struct kmem_cache", {member("name")});
    const auto size = offset_of(types, "struct kmem_cache", {member("size")});
    const auto object_size = offset_of(types, "struct kmem_cache", {member("object_size")});
    if (!direct_map || !pages || !page_bytes || !head || !cache || !name || !size || !object_size)
        return nullptr;
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    return std::unique_ptr<SlabLookup>(new SlabLookup(
        peek, Layout{*page_bytes, *head, *cache, *name, *size, *object_size}, *direct_map, *pages));
}

std::optional<SlabObject> SlabLookup::find(std::uint64_t address) const {
    if (address < direct_map_ || !is_kernel_pointer(address)) return std::nullopt;
    const std::uint64_t frame = (address - direct_map_) >> page_shift;
    std::uint64_t page = pages_ + frame * layout_.page_bytes;
    std::uint64_t head = 0;
    if (!peek_.read_word(page + layout_.compound_head, head)) return std::nullopt;
    if ((head & 1U) != 0) page = head - 1; // a tail page
    std::uint64_t cache = 0;
    std::uint64_t name_address = 0;
    std::uint64_t size_word = 0;
    std::uint64_t object_word = 0;
    if (!peek_.read_word(page + layout_.slab_cache, cache) || !is_kernel_pointer(cache)) return std::nullopt;
    if (!peek_.read_word(cache + layout_.cache_name, name_address) || !is_kernel_pointer(name_address) ||
        !peek_.read_word(cache + layout_.cache_size, size_word) ||
        !peek_.read_word(cache + layout_.cache_object_size, object_word))
        return std::nullopt;
    const std::uint64_t size = low_half(size_word);
    const std::uint64_t object_size = low_half(object_word);
    const auto name = read_name(peek_, name_address);
    if (!name || size == 0 || object_size == 0 || object_size > size || size > (1U << 22U))
        return std::nullopt;
    const std::uint64_t base = direct_map_ + (((page - pages_) / layout_.page_bytes) << page_shift);
    if (address < base) return std::nullopt;
    const std::uint64_t start = base + (address - base) / size * size;
    return SlabObject{*name, start, object_size};
}

} // namespace stakeout
