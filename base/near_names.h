// Names that a misspelt one may have meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// Collects the names nearest to one that was not found, by the number of letters to change (Levenshtein).
// Names further away than a third of the letters are not near.
class NearNames {
  public:
    NearNames(std::string_view wanted, std::size_t limit) : wanted_(wanted), limit_(limit) {}

    void consider(std::string_view name);
    [[nodiscard]] std::vector<std::string> take() &&; // nearest first

  private:
    struct Near {
        std::size_t distance;
        std::string name;
    };
    // Letters to change, or `enough` as soon as it is clear that there are no fewer.
    std::size_t distance(std::string_view name, std::size_t enough);

    std::string wanted_;
    std::size_t limit_;
    std::vector<Near> nearest_; // sorted
    std::vector<std::size_t> row_;
};

} // namespace stakeout
