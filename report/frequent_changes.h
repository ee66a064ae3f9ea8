// The most frequent changes of a value in bounded memory (the Space-Saving algorithm): a change that does not
// fit takes the place of the rarest, and remembers how often that one had been seen, since its own count may
// be too high by so much. What is reported is the part that is certain.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stakeout {

class FrequentChanges {
  public:
    explicit FrequentChanges(std::size_t kept) : kept_(kept) {}
    void add(std::uint64_t hash, std::size_t target, const std::optional<Value>& old_value,
             const std::optional<Value>& new_value);
    // Most frequent first.
    [[nodiscard]] std::vector<Change> most_frequent(std::size_t count) const;

  private:
    struct Entry {
        Change change; // without its hits
        std::uint64_t too_many = 0;
    };
    std::size_t kept_;
    // Beside the entries, not in them: both are searched at each hit.
    std::vector<std::uint64_t> hashes_, hits_;
    std::vector<Entry> entries_;
};

} // namespace stakeout
