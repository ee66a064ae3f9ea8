// What a watch tells -> the bytes of a recording, block by block. Knows neither files nor clocks.
//
// A segment begins with who records and what is armed, and names nothing that it has not told itself: a file,
// a piece of a ring in memory or a late listener can begin with any.
#pragma once

#include "recording/block_store.h"
#include "recording/facts.h"
#include "watchpoints/arm/watch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace stakeout {

class Encoder {
  public:
    using ModuleReader = std::function<std::optional<KernelModuleFacts>(std::string_view name)>;
    explicit Encoder(RecordingFacts facts, ModuleReader modules = read_kernel_module);
    ~Encoder();
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // Only between blocks. `lost`: as with add_lost().
    void begin_segment(ClockStep now, std::uint64_t lost);

    void add(const Armed& armed); // told again in each further segment
    void add(const Hit& hit);
    void add(const Look& look);
    void add(const Notice& notice);
    void add(const BrakeInterval& interval);
    void add(const CoverageChange& change);
    void add(const Summary& summary);
    void add(ClockStep step);
    void add_lost(std::uint64_t hits); // that the recording does not have, all so far

    [[nodiscard]] std::size_t bytes_waiting() const; // before compression
    // So much has been told that the next block should begin a segment.
    [[nodiscard]] bool wants_segment() const;
    [[nodiscard]] std::uint64_t left_out() const; // hits that were too large
    // Compresses what was added since the last block.
    [[nodiscard]] Block finish_block();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
