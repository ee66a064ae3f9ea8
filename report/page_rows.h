// The parts of the page's data that are long: time line, flame graph, rows.
#pragma once

#include "base/json_writer.h"
#include "report/page_stacks.h"
#include "report/report.h"

namespace stakeout {

void write_timeline(JsonWriter& into, const Timeline& timeline);
void write_flame(JsonWriter& into, const std::vector<FlameNode>& nodes);
void write_rows(JsonWriter& into, const Report& report, const PageStacks& stacks); // "rows" and "strings"

} // namespace stakeout
