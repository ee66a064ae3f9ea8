// The identity of an ELF file as its linker wrote it: what finds the same file, or its debug information, on
// another machine. Plain bytes, since every frame of every hit carries one.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace stakeout {

class BuildId {
  public:
    static constexpr std::size_t most_bytes = 20; // SHA-1, as GNU ld and LLD write by default

    BuildId() = default;
    // Longer ones are not kept: a part of an identity is none.
    explicit BuildId(std::span<const std::uint8_t> bytes) {
        if (bytes.size() > most_bytes) return;
        size_ = static_cast<std::uint8_t>(bytes.size());
        std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    }

    // As hex() writes it; empty for what is no build id that we keep.
    static BuildId from_hex(std::string_view text) {
        BuildId id;
        if (text.size() % 2 != 0 || text.size() / 2 > most_bytes) return id;
        for (std::size_t i = 0; i < text.size() / 2; ++i) {
            const char* byte = text.data() + 2 * i;
            const auto [end, error] = std::from_chars(byte, byte + 2, id.bytes_[i], 16);
            if (error != std::errc() || end != byte + 2) return {};
        }
        id.size_ = static_cast<std::uint8_t>(text.size() / 2);
        return id;
    }

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(size_); }
    [[nodiscard]] std::string hex() const { // lower case, as `readelf -n` and debug files' paths have it
        static constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        for (const std::uint8_t byte : bytes()) {
            text += digits[byte >> 4U];
            text += digits[byte & 15U];
        }
        return text;
    }
    bool operator==(const BuildId&) const = default;

  private:
    std::uint8_t size_ = 0; // 0: none known
    std::array<std::uint8_t, most_bytes> bytes_{};
};

} // namespace stakeout
