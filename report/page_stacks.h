// Which of a report's stacks go into the page: those that rows and writers show, renumbered, as far as they
// fit.
#pragma once

#include "base/json_writer.h"
#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stakeout {

class PageStacks {
  public:
    // Bytes of frames' texts, and frames in all stacks. Writers' stacks come first, then the rows' in order.
    static constexpr std::size_t most_text = std::size_t{1200} << 10U, most_references = 150'000;

    explicit PageStacks(const Report& report);
    // Its number in the page; -1: it is not there.
    [[nodiscard]] std::int64_t number_of(std::uint32_t stack) const;
    void write(JsonWriter& into) const; // "frames" and "stacks"

  private:
    void take(std::uint32_t stack);
    [[nodiscard]] bool take_frames(const std::vector<std::uint32_t>& frames);
    void write_numbers(JsonWriter& into, const char* key, const std::vector<std::uint32_t>& frames) const;

    const Report& report_;
    std::vector<std::uint32_t> frames_, stacks_;              // those taken, as the report numbers them
    std::vector<std::int64_t> frame_numbers_, stack_numbers_; // by the report's number; -1: not taken
    std::size_t text_ = 0, references_ = 0;
};

} // namespace stakeout
