// A set of 64-bit addresses, as the sorted places where going up enters or leaves it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace stakeout {

class AddressSet {
  public:
    static AddressSet everything() { return AddressSet({0}); }
    // [start, end) of each; they may overlap and touch; empty and reversed ones count for nothing.
    static AddressSet of(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges);

    [[nodiscard]] AddressSet without(const AddressSet& other) const;
    [[nodiscard]] bool has(std::uint64_t address) const;
    [[nodiscard]] bool is_empty() const { return borders_.empty(); }
    [[nodiscard]] bool is_everything() const { return borders_.size() == 1 && borders_.front() == 0; }

    // An address is in the set when an odd number of these is not above it.
    [[nodiscard]] const std::vector<std::uint64_t>& borders() const { return borders_; }

  private:
    explicit AddressSet(std::vector<std::uint64_t> borders) : borders_(std::move(borders)) {}
    std::vector<std::uint64_t> borders_;
};

} // namespace stakeout
