// The report as one HTML file that needs nothing else: page, data, and the essentials as plain HTML, which
// can be read without JavaScript and by who searches the file.
//
// Everything from the watched machine is hostile here: as HTML it is escaped, and the data cannot end the
// element it stands in, whatever it holds.
#pragma once

#include "report/report.h"

#include <string>
#include <string_view>

namespace stakeout {

// `json`: page_data(report).
std::string html_page(std::string_view json, const Report& report);

// The page that asks `url` for its data each second. `token`: sent along as `Authorization: Bearer`; may be
// empty.
std::string live_page(std::string_view url, std::string_view token);

// For a text between tags, or in an attribute between double quotes; what is no UTF-8 becomes U+FFFD, and so
// do control characters.
std::string html_text(std::string_view text);
// JSON that can stand inside a <script> element: the same document, without `<`, `>`, `&`, U+2028, U+2029.
std::string json_for_html(std::string_view json);

} // namespace stakeout
