// Entries as protobuf bytes, one after the other, until a block is made of them.
#pragma once

#include "recording/recording.pb.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

class EntryBuffer {
  public:
    // False, with nothing added: the entry is larger than a recording may hold.
    [[nodiscard]] bool add(const Recording_Entry& entry);
    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    void clear() { bytes_.clear(); }

  private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace stakeout
