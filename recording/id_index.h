// Hashes -> the ids that were told with them, of which several may share one. Flat, since each hit asks it
// twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stakeout {

class IdIndex {
  public:
    // The first id of this hash for which `is_same` is true; 0: none.
    template <class Same>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, const Same& is_same) const {
        if (places_.empty()) return 0;
        for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
            const Place& place = places_[at];
            if (place.id == 0) return 0;
            if (place.hash == hash && is_same(place.id)) return place.id;
        }
    }

    void add(std::uint64_t hash, std::uint32_t id) {
        if (2 * (count_ + 1) > places_.size()) grow();
        put(hash, id);
        ++count_;
    }

    void clear() {
        places_.clear();
        count_ = 0;
    }

  private:
    struct Place {
        std::uint64_t hash = 0;
        std::uint32_t id = 0; // 0: free
    };
    [[nodiscard]] std::size_t mask() const { return places_.size() - 1; } // the size is a power of two

    void put(std::uint64_t hash, std::uint32_t id) {
        std::size_t at = hash & mask();
        while (places_[at].id != 0) at = (at + 1) & mask();
        places_[at] = {hash, id};
    }

    void grow() {
        constexpr std::size_t smallest = 64;
        std::vector<Place> before = std::move(places_);
        places_.assign(before.empty() ? smallest : 2 * before.size(), {});
        for (const Place& place : before)
            if (place.id != 0) put(place.hash, place.id);
    }

    std::vector<Place> places_;
    std::size_t count_ = 0;
};

} // namespace stakeout
