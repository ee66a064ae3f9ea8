// A report as the JSON document that the page reads (docs/report-data.md). One line, UTF-8; below 5 MB for
// anything but names made to be long.
#pragma once

#include "report/report.h"

#include <string>

namespace stakeout {

std::string page_data(const Report& report);

} // namespace stakeout
