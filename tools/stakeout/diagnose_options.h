// What all recipes take from the command line, and the run of a recipe that watches.
#pragma once

#include "base/result.h"
#include "scripts/recipe.h"
#include "tools/stakeout/watch_session.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

enum class DiagnosisFormat { Text, Json, Dot, Folded };

struct DiagnoseOptions {
    std::vector<std::string> targets; // as typed
    std::vector<std::string> program; // what stood behind --
    std::string type, via, vmlinux, length, ttl = "10m", max_rate, record, format = "text", colour = "auto";
    std::optional<int> pid;
    bool no_brake = false;
};

// How a diagnosis is shown.
struct DiagnosisOutput {
    DiagnosisFormat format = DiagnosisFormat::Text;
    bool colour = false;
};

// TARGET (or `name`, at most `most` of them), --pid, --len, --type, --via, --vmlinux.
void add_target_options(CLI::App& command, DiagnoseOptions& options, const std::string& name,
                        std::size_t most, const std::string& help);
// --ttl, --no-brake, --max-rate.
void add_limit_options(CLI::App& command, DiagnoseOptions& options);
// -o with these formats, --record, --color.
void add_diagnosis_output_options(CLI::App& command, DiagnoseOptions& options, const std::string& formats);

// Errors (Usage): a format that is not one of `formats`.
Result<DiagnosisOutput> check_output(const DiagnoseOptions& options, const std::string& formats);
// TASK(...)->x is an object, a number an address, all else a symbol. A write-watch with these limits.
Result<SessionPlan> plan_session(const DiagnoseOptions& options);

// Prints a diagnosis on stdout in the chosen format. False: stdout is closed.
bool print_diagnosis(const Diagnosis& diagnosis, const DiagnosisOutput& output);

// Arms, hands the hits to the recipe, prints what it concludes. The answer is the exit status. `recipe` is
// called when the watch is armed.
int run_recipe(SessionPlan plan, const DiagnoseOptions& options, const DiagnosisOutput& output,
               const std::function<std::unique_ptr<Recipe>()>& recipe);

} // namespace stakeout
