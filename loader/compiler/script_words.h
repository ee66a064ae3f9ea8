// The words of a C text, as far as it takes to guess which of the kernel's types it needs: no preprocessing,
// no grammar. A word too many costs some microseconds, a word missed an error of the compiler.
#pragma once

#include <string_view>
#include <unordered_set>
#include <vector>

namespace stakeout {

struct ScriptWords {
    using Set = std::unordered_set<std::string_view>; // into the scanned texts, which must stay
    Set words;                                        // all identifiers outside of comments and strings
    Set tags;                                         // those after struct, union, enum
    Set defined_tags;                                 // of these: defined in the text
    Set defined_words;                                // enumerators and variables that the text declares
    std::vector<std::string_view> includes;           // in order, without quotes or angles

    void scan(std::string_view text);
};

} // namespace stakeout
