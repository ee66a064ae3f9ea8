#include "scripts/diagnosis/words.h"

#include <fmt/format.h>

namespace stakeout {

std::string task_in_words(const Hit& hit) { return fmt::format("{} (pid {})", hit.comm, hit.pid); }

std::string times_in_words(std::uint64_t n) { return n == 1 ? "once" : fmt::format("{} times", n); }

void add_stacks(Evidence& evidence, const Hit& hit) {
    if (!hit.kernel_stack.empty()) evidence.stacks.push_back({"kernel", hit.kernel_stack, false, 0});
    if (!hit.user_stack.empty()) evidence.stacks.push_back({"user", hit.user_stack, true, 0});
}

} // namespace stakeout
