// The report for a terminal of 100 columns: what it comes down to first, then one table. Names that would
// steer the terminal are made visible.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stakeout {

enum class ReportBy { Function, Task, Stack, Value };

// "function", "task", "stack", "value"; nullopt: none of them.
std::optional<ReportBy> report_by(std::string_view word);

// `top`: so many rows of the table, those with most hits.
std::string text_report(const Report& report, ReportBy by, std::size_t top);

} // namespace stakeout
