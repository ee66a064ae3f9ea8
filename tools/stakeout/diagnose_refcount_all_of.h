// `stakeout diagnose refcount --all-of`: objects that are not yet born.
#pragma once

#include "scripts/refcount/counter.h"
#include "tools/stakeout/diagnose_options.h"

#include <chrono>
#include <optional>
#include <string>

namespace stakeout {

struct AllOfOptions {
    std::string type, born_by, cache, at, for_each = "2s";
    std::uint64_t objects = 0; // 0: no limit
    std::size_t at_once = 0;   // 0: what free slots allow, three at the most
    [[nodiscard]] bool asked() const { return !type.empty(); }
};

void add_all_of_options(CLI::App& command, AllOfOptions& options);
// Usage: what does not fit together.
Status check_all_of(const DiagnoseOptions& common, const AllOfOptions& options);
// The answer is the exit status.
int run_all_of(const DiagnoseOptions& common, const AllOfOptions& options, std::optional<CountKind> kind,
               const DiagnosisOutput& output, std::chrono::steady_clock::time_point process_start);

} // namespace stakeout
