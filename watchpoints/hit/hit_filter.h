// What is judged on the reader's side, once a hit is readable: what the kernel cannot know (symbol names,
// decoded accesses), or not exactly (regular expressions). Regular expressions are RE2's, and match anywhere
// in the text.
#pragma once

#include "base/result.h"
#include "loader/predicate/predicate_code.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

class HitFilter {
  public:
    struct Rules {
        std::string comm;  // empty: no rule
        std::string stack; // some frame's symbol must match
        std::shared_ptr<const WhenExpression> when;
    };
    // Error (Usage): not a regular expression.
    static Result<std::shared_ptr<const HitFilter>> make(Rules rules);
    ~HitFilter();
    HitFilter(const HitFilter&) = delete;
    HitFilter& operator=(const HitFilter&) = delete;

    enum class Drop { Comm, Stack, When };
    // The rule that does not want it, absent: none.
    [[nodiscard]] std::optional<Drop> drops(const Hit& hit) const;

  private:
    HitFilter();
    struct State;
    std::unique_ptr<State> state_;
};

// The regular expression as what the kernel can compare, where it is nothing else: "^name$", "^prefix",
// "^(a|b)$" of plain characters. Absent: the reader has to judge.
std::optional<std::vector<CommPattern>> exact_comm_patterns(std::string_view expression);

} // namespace stakeout
