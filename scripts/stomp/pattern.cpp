#include "scripts/stomp/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace stakeout {
namespace {

struct PoisonByte {
    std::uint8_t byte;
    std::string_view says;
};
// include/linux/poison.h; 0xfd, 0xcd and 0xbaadf00d are allocators' of other systems and not listed.
constexpr std::array<PoisonByte, 8> poison_bytes{{
    {0x6b, "SLUB's poison of freed objects (0x6b)"},
    {0x5a, "SLUB's poison of new objects (0x5a)"},
    {0xa5, "SLUB's end of poison (0xa5)"},
    {0xbb, "SLUB's red zone of a free object (0xbb)"},
    {0xcc, "SLUB's red zone of an object in use, or int3 (0xcc)"},
    {0xaa, "the page allocator's poison, or pattern initialisation (0xaa)"},
    {0xfe, "pattern initialisation of locals (0xfe)"},
    {0xdb, "glibc's M_PERTURB or a freed frame (0xdb)"},
}};

struct PoisonWord {
    std::uint64_t word;
    std::string_view says;
};
constexpr std::array<PoisonWord, 6> poison_words{{
    {0xdead000000000100, "LIST_POISON1: an entry that was deleted from its list"},
    {0xdead000000000122, "LIST_POISON2: an entry that was deleted from its list"},
    {0xdead4ead, "SPINLOCK_MAGIC"},
    {0xdeadbeefdeadbeef, "0xdeadbeef"},
    {0xdeadbeef, "0xdeadbeef"},
    {0xdead000000000000, "POISON_POINTER_DELTA: a poisoned pointer"},
}};

std::uint64_t word_of(std::span<const std::uint8_t> bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min<std::size_t>(bytes.size(), sizeof word));
    return word;
}

bool is_text(std::uint8_t byte) { return (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t'; }

// Four letters in a row from the beginning on, and nothing but zeros after the text.
std::optional<std::string> text_in(std::span<const std::uint8_t> bytes) {
    const auto end = std::find_if_not(bytes.begin(), bytes.end(), is_text);
    const auto length = static_cast<std::size_t>(end - bytes.begin());
    if (length < 4 || !std::all_of(end, bytes.end(), [](std::uint8_t byte) { return byte == 0; }))
        return std::nullopt;
    return std::string(bytes.begin(), end);
}

} // namespace

std::optional<BytePattern> recognise(std::span<const std::uint8_t> bytes,
                                     const DescribeAddress& describe_address) {
    if (bytes.empty()) return std::nullopt;
    const std::uint64_t word = word_of(bytes);
    for (const PoisonWord& poison : poison_words)
        if (bytes.size() >= 4 && word == poison.word)
            return BytePattern{BytePattern::Kind::Poison, std::string(poison.says)};
    const bool uniform = bytes.size() >= 4 && std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t byte) {
                             return byte == bytes[0];
                         });
    if (uniform && bytes[0] != 0) {
        for (const PoisonByte& poison : poison_bytes)
            if (bytes[0] == poison.byte)
                return BytePattern{BytePattern::Kind::Poison, std::string(poison.says)};
        if (bytes[0] != 0xff)
            return BytePattern{BytePattern::Kind::Fill, fmt::format("the byte {:#04x}, repeated", bytes[0])};
    }
    if (auto text = text_in(bytes))
        return BytePattern{BytePattern::Kind::Text, fmt::format("text: \"{}\"", *text)};
    if (bytes.size() >= 8 && word > 0xffff && describe_address)
        if (auto place = describe_address(word))
            return BytePattern{BytePattern::Kind::Pointer, fmt::format("a pointer into {}", *place)};
    return std::nullopt;
}

} // namespace stakeout
