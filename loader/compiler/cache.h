// Compiled scripts on disk, so that the second start of a script costs no compilation. Only root's: what lies
// there is loaded into the kernel. Never the reason why a watch fails: without a place to write there is no
// cache.
#pragma once

#include "loader/compiler/compiler.h"

#include <optional>
#include <string>
#include <vector>

namespace stakeout {

// What a compiled script depends on: its text, the options, this very binary and the kernel's types. Nothing
// when one of these cannot be told. The path is not among them: a script that reads files beside it is not
// cached at all.
std::optional<std::string> cache_key(const ScriptSource& source, const CompileOptions& options);

class ScriptCache {
  public:
    static constexpr std::size_t most_entries = 64;

    explicit ScriptCache(std::string folder = "/var/cache/stakeout") : folder_(std::move(folder)) {}

    // Touches nothing of LLVM but its hash function. An entry that is damaged, of another key, a symbolic
    // link, not root's or writable by others is passed over, and `notices` gets a sentence.
    [[nodiscard]] std::optional<CompiledScript> lookup(const std::string& key,
                                                       std::vector<std::string>& notices) const;

    // Whole or not at all; beyond `most_entries` those go that were not used for longest. Scripts that read
    // local files, and refused ones, are not kept. Without room or a place to write, nothing is; lookup()
    // told about a folder that is not root's alone.
    void store(const std::string& key, const CompiledScript& script) const;

  private:
    std::string folder_;
};

struct RecalledScript {
    CompiledScript script;
    bool from_cache = false;
};
// The two together, around compile_script().
Result<RecalledScript> recall_or_compile(const ScriptSource& source, const CompileOptions& options,
                                         const ScriptCache& cache, std::vector<std::string>& notices);

} // namespace stakeout
