// Texts by number, each once. Names from the watched machine may be as long as whoever made them likes: they
// are clipped before they are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stakeout {

inline constexpr std::size_t most_name_bytes = 512;

// "abc", or its beginning with "..." behind it; never cut inside a UTF-8 character.
std::string clipped(std::string_view text, std::size_t most_bytes = most_name_bytes);

class StringPool {
  public:
    std::uint32_t number_of(std::string_view text);
    [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    std::vector<std::string> texts_;
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
};

} // namespace stakeout
