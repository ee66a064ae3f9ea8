#include "watchpoints/hit/back_search.h"

#include <array>
#include <numeric>
#include <vector>

namespace stakeout {
namespace {

using Votes = std::array<unsigned, max_instruction_bytes + 1>; // by the length of the last instruction

Votes count_votes(const Disassembler& disassembler, const CodeWindow& window, std::uint64_t end) {
    Votes votes{};
    const std::size_t count = end - window.start();
    // Length of the last instruction of the chain that begins at each byte; 0: it never arrives at `end`.
    // Filled from the back, so that a chain is its first instruction and a chain that is known already.
    std::vector<std::uint8_t> arrives(count, 0);
    for (std::size_t at = count; at-- > 0;) {
        const std::size_t length = disassembler.length(window.from(window.start() + at));
        if (length == 0 || at + length > count) continue;
        arrives[at] = at + length == count ? static_cast<std::uint8_t>(length) : arrives[at + length];
        if (arrives[at] != 0) ++votes[arrives[at]];
    }
    return votes;
}

struct Favourite {
    std::optional<Decoded> decoded;
    unsigned votes = 0;
    bool tie = false;

    void consider(const Decoded& candidate, unsigned its_votes) {
        if (decoded && its_votes <= votes) {
            tie = tie || its_votes == votes;
            return;
        }
        tie = false;
        decoded = candidate;
        votes = its_votes;
    }
};

constexpr std::uint64_t longest_sweep =
    64ULL * 1024; // no real function is longer; a symbol table with holes is

} // namespace

std::optional<Decoded> search_back(const Disassembler& disassembler, const CodeWindow& window,
                                   std::uint64_t end, const Judge& judge) {
    if (window.empty() || window.start() >= end) return std::nullopt;
    const Votes votes = count_votes(disassembler, window, end);
    Favourite sure, possible;
    for (std::size_t length = 1; length <= max_instruction_bytes && length <= end - window.start();
         ++length) {
        const auto decoded = disassembler.decode(end - length, window.from(end - length));
        if (!decoded || decoded->instruction.length != length) continue;
        switch (judge(*decoded)) {
        case Fit::Yes:
            sure.consider(*decoded, votes[length]);
            break;
        case Fit::Possible:
            possible.consider(*decoded, votes[length]);
            break;
        case Fit::No:
            break;
        }
    }
    const unsigned all = std::accumulate(votes.begin(), votes.end(), 0U);
    // A tail of the real instruction may look sure as well ("0f 18 0f", a prefetch, ends in "18 0f", an sbb
    // on the same memory), but then nearly every chain arrives by the real one.
    if (sure.decoded && !sure.tie && sure.votes * 4 >= all) return sure.decoded;
    return possible.votes * 2 > all ? possible.decoded : std::nullopt;
}

Swept sweep(const Disassembler& disassembler, std::uint64_t start, std::uint64_t end,
            const CodeReader& code) {
    if (start >= end || end - start > longest_sweep) return {};
    const CodeWindow window = CodeWindow::between(start, end, code);
    if (window.empty()) return {};
    Swept swept{.last = std::nullopt, .in_step = true};
    std::uint64_t at = start, last = start;
    while (at < end) {
        std::size_t length = disassembler.length(window.from(at));
        if (length == 0) {
            // Data between instructions: go on behind it, and trust the result less.
            swept.in_step = false;
            length = 1;
        }
        last = at;
        at += length;
    }
    if (at != end) return {};
    swept.last = disassembler.decode(last, window.from(last));
    return swept;
}

} // namespace stakeout
