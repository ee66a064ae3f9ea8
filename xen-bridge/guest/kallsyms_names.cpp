#include "xen-bridge/guest/kallsyms_names.h"

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t least_markers = 16; // 4,096 symbols: the smallest kernels have several times as many
constexpr std::size_t most_symbols = 2'000'000;
constexpr std::size_t longest_name = 1024; // KSYM_NAME_LEN is 512 since 6.1
constexpr std::size_t per_marker = 256;
constexpr std::uint32_t least_step = 2 * per_marker;         // a length and one token each
constexpr std::uint32_t most_step = (2 + 1024) * per_marker; // never seen above 4,000
constexpr std::size_t most_work = 64'000'000;                // lengths looked at, over all candidates

// Numbers that begin with 0 and rise as markers do.
struct Run {
    std::size_t at = 0; // offset in the window
    std::size_t count = 0;
};

std::vector<Run> marker_runs(const MemoryWindow& window, std::size_t end) {
    std::vector<Run> runs;
    const auto rises = [](std::uint32_t from, std::uint32_t to) {
        return to > from && to - from >= least_step && to - from <= most_step;
    };
    for (std::size_t at = (8 - window.start() % 8) % 8; at + 8 <= end;) {
        const auto word = [&](std::size_t i) { return window.number<std::uint32_t>(at + 4 * i); };
        std::size_t count = 1;
        if (word(0) == 0)
            while (at + 4 * (count + 1) <= end && rises(word(count - 1), word(count))) ++count;
        if (count >= least_markers) runs.push_back({at, count});
        at += 4 * std::max<std::size_t>(1, count - 1);
    }
    return runs;
}

// The length of one compressed name and where its tokens begin.
struct Length {
    std::size_t tokens = 0, head = 1;
};
Length length_at(const MemoryWindow& window, std::size_t at) {
    const std::size_t first = window.number<std::uint8_t>(at);
    if ((first & 0x80) == 0) return {first, 1};
    return {(first & 0x7f) | static_cast<std::size_t>(window.number<std::uint8_t>(at + 1)) << 7, 2};
}

class Search {
  public:
    Search(const MemoryWindow& window, const KallsymsTokens& tokens) : window_(window), tokens_(tokens) {}

    std::optional<KallsymsNames> in(const Run& markers) {
        // The run may be a word too long, when what follows happens to rise on.
        for (std::size_t count = markers.count; count + 1 >= markers.count && count >= least_markers;
             --count) {
            const std::size_t last = window_.number<std::uint32_t>(markers.at + 4 * (count - 1));
            const std::size_t most = last + most_step + 8;
            if (markers.at < last + 2) continue;
            const std::size_t lowest = std::max<std::size_t>(markers.at > most ? markers.at - most : 8, 8);
            for (std::size_t names = (markers.at - last - 2) & ~std::size_t{3}; names >= lowest; names -= 4)
                for (const std::size_t count_at : {names - 8, names - 4})
                    if (auto found = at(names, count_at, markers.at, count)) return found;
        }
        return std::nullopt;
    }

  private:
    // Do names begin here? First what is cheap: is their number before them one that these markers fit?
    std::optional<KallsymsNames> at(std::size_t names, std::size_t count_at, std::size_t markers,
                                    std::size_t marker_count) {
        const std::size_t symbols = window_.number<std::uint32_t>(count_at);
        if (symbols > marker_count * per_marker || symbols <= (marker_count - 1) * per_marker ||
            symbols > most_symbols || !agrees(names, symbols, markers))
            return std::nullopt;
        return expanded(names, symbols, count_at);
    }

    bool agrees(std::size_t names, std::size_t symbols, std::size_t markers) {
        std::size_t offset = 0;
        for (std::size_t i = 0; i < symbols; ++i) {
            if (i % per_marker == 0 && window_.number<std::uint32_t>(markers + i / per_marker * 4) != offset)
                return false;
            if (++work_ > most_work) return false;
            const Length length = length_at(window_, names + offset);
            if (length.tokens == 0) return false;
            offset += length.head + length.tokens;
            if (names + offset > markers) return false;
        }
        return markers - (names + offset) < 8; // only the alignment of the next label
    }

    std::optional<KallsymsNames> expanded(std::size_t at, std::size_t symbols, std::size_t count_at) {
        KallsymsNames found;
        found.count_at = count_at;
        found.names.reserve(symbols);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < symbols; ++i) {
            const Length length = length_at(window_, at);
            std::string name;
            for (std::size_t t = 0; t < length.tokens && name.size() <= longest_name; ++t)
                name += tokens_.tokens.at(window_.number<std::uint8_t>(at + length.head + t));
            bytes += name.size();
            if (!is_name(name) || bytes > (64U << 20)) return std::nullopt;
            found.names.push_back(std::move(name));
            at += length.head + length.tokens;
        }
        return found;
    }

    static bool is_name(std::string_view name) {
        const auto letter = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '?';
        };
        return name.size() >= 2 && name.size() <= longest_name && letter(name[0]) &&
               std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    }

    const MemoryWindow& window_;
    const KallsymsTokens& tokens_;
    std::size_t work_ = 0;
};

} // namespace

std::optional<KallsymsNames> KallsymsNames::before(const MemoryWindow& window, const KallsymsTokens& tokens) {
    std::vector<Run> runs = marker_runs(window, tokens.start);
    std::reverse(runs.begin(), runs.end()); // the markers are the last before the tokens, or nearly so
    Search search(window, tokens);
    for (const Run& run : runs)
        if (auto found = search.in(run)) return found;
    return std::nullopt;
}

} // namespace stakeout
