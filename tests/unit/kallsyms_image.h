// A kernel's compressed symbol tables, made as scripts/kallsyms.c makes them: for the tests of what finds
// them again.
#pragma once

#include "xen-bridge/guest/kallsyms_tables.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace stakeout::test {

struct ImageSymbol {
    std::uint64_t address = 0;
    char type = 'T';
    std::string name;
};

struct ImageOptions {
    bool offsets_last = false; // 6.4 and later
    bool sequence = false;     // seqs_of_names between markers and tokens, as in 6.2
    KallsymsTables::Addresses addresses = KallsymsTables::Addresses::AbsolutePerCpu;
    std::size_t before = 8192, behind = 8192; // of other bytes
};

// Symbols as a kernel has them: per-CPU ones first, then text and data in order.
inline std::vector<ImageSymbol> many_symbols(std::size_t count, std::uint64_t text = 0xffff'ffff'8100'0000ULL,
                                             bool per_cpu = true) {
    static constexpr std::array<const char*, 8> stems{"do_init_module",   "sys_write",  "__x64_sys_read",
                                                      "task_lock",        "init_net_2", "jiffies",
                                                      "kmem_cache_alloc", "Z9"};
    std::vector<ImageSymbol> symbols;
    if (per_cpu)
        for (std::size_t i = 0; i < 40; ++i)
            symbols.push_back({i * 64, 'A', "cpu_variable_" + std::to_string(i)});
    for (std::size_t i = 0; symbols.size() < count; ++i) {
        std::string name = std::string(stems.at(i % stems.size())) + "." + std::to_string(i);
        if (i % 500 == 7) name += std::string(200, 'q') + "_long"; // a length of two bytes
        symbols.push_back({text + i * 32, "TtDdbBrR"[i / 700 % 8], name});
    }
    return symbols;
}

class ImageMaker {
  public:
    explicit ImageMaker(const ImageOptions& options) : options_(options) {
        // Letters for themselves, the other codes for pieces of names.
        for (int c = 0; c < 256; ++c)
            if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                c == '.')
                tokens_.at(static_cast<std::size_t>(c)) = std::string(1, static_cast<char>(c));
        static constexpr std::array<const char*, 8> pieces{"init",        "sys_", "__x64_sys_",    "_module",
                                                           "kmem_cache_", "task", "cpu_variable_", "Tdo_"};
        for (std::size_t i = 0; i < pieces.size(); ++i) tokens_.at(200 + i) = pieces.at(i);
    }

    // The memory from `start` on; the tables lie somewhere in it.
    std::vector<std::uint8_t> make(const std::vector<ImageSymbol>& symbols, std::uint64_t start) {
        bytes_.clear();
        start_ = start;
        for (std::size_t i = 0; i < options_.before; ++i)
            bytes_.push_back(static_cast<std::uint8_t>(i * 37 + i / 256));
        if (!options_.offsets_last) addresses(symbols);
        label();
        put(static_cast<std::uint32_t>(symbols.size()));
        names(symbols);
        if (options_.sequence) {
            label();
            for (std::size_t i = 0; i < symbols.size(); ++i)
                for (const int shift : {16, 8, 0}) bytes_.push_back(static_cast<std::uint8_t>(i >> shift));
        }
        token_table();
        if (options_.offsets_last) addresses(symbols);
        label();
        for (std::size_t i = 0; i < options_.behind; ++i)
            bytes_.push_back(static_cast<std::uint8_t>(i * 91 + i / 256));
        return bytes_;
    }

  private:
    void label() {
        while (bytes_.size() % 8 != 0) bytes_.push_back(0);
    }
    template <class T>
    void put(T value) {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    [[nodiscard]] std::string compressed(const std::string& name) const {
        std::string codes;
        for (std::size_t at = 0; at < name.size();) {
            std::size_t best = 0;
            for (std::size_t token = 0; token < tokens_.size(); ++token)
                if (!tokens_.at(token).empty() &&
                    name.compare(at, tokens_.at(token).size(), tokens_.at(token)) == 0 &&
                    tokens_.at(token).size() > tokens_.at(best).size())
                    best = token;
            codes += static_cast<char>(best);
            at += tokens_.at(best).size();
        }
        return codes;
    }
    void names(const std::vector<ImageSymbol>& symbols) {
        label();
        const std::size_t first = bytes_.size();
        std::vector<std::uint32_t> markers;
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            if (i % 256 == 0) markers.push_back(static_cast<std::uint32_t>(bytes_.size() - first));
            const std::string codes = compressed(symbols[i].type + symbols[i].name);
            if (codes.size() < 0x80) {
                bytes_.push_back(static_cast<std::uint8_t>(codes.size()));
            } else {
                bytes_.push_back(static_cast<std::uint8_t>(0x80 | (codes.size() & 0x7f)));
                bytes_.push_back(static_cast<std::uint8_t>(codes.size() >> 7));
            }
            bytes_.insert(bytes_.end(), codes.begin(), codes.end());
        }
        label();
        for (const std::uint32_t marker : markers) put(marker);
    }
    void token_table() {
        label();
        std::vector<std::uint16_t> index;
        std::uint16_t at = 0;
        for (const std::string& token : tokens_) {
            index.push_back(at);
            bytes_.insert(bytes_.end(), token.begin(), token.end());
            bytes_.push_back(0);
            at = static_cast<std::uint16_t>(at + token.size() + 1);
        }
        label();
        for (const std::uint16_t offset : index) put(offset);
    }
    void addresses(const std::vector<ImageSymbol>& symbols) {
        using Addresses = KallsymsTables::Addresses;
        label();
        std::uint64_t base = ~0ULL;
        for (const ImageSymbol& symbol : symbols)
            if ((symbol.address >> 63) != 0) base = std::min(base, symbol.address);
        for (const ImageSymbol& symbol : symbols) {
            std::uint64_t offset = symbol.address - base;
            if (options_.addresses == Addresses::AbsolutePerCpu)
                offset = (symbol.address >> 63) == 0 ? symbol.address : base - 1 - symbol.address;
            if (options_.addresses == Addresses::PlaceRelative)
                offset = symbol.address - (start_ + bytes_.size());
            put(static_cast<std::uint32_t>(offset));
        }
        if (options_.addresses == Addresses::PlaceRelative) return;
        label();
        put(base);
    }

    ImageOptions options_;
    std::array<std::string, 256> tokens_;
    std::vector<std::uint8_t> bytes_;
    std::uint64_t start_ = 0;
};

inline CodeReader reader_of(const std::vector<std::uint8_t>& bytes, std::uint64_t start) {
    return [&bytes, start](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
        if (address < start || address - start >= bytes.size()) return 0;
        const std::size_t count = std::min<std::size_t>(into.size(), bytes.size() - (address - start));
        std::memcpy(into.data(), bytes.data() + (address - start), count);
        return count;
    };
}

} // namespace stakeout::test
