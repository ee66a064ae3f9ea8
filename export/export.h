// A watch for other tools' eyes: each format is a listener that writes as it is told, or, where hits are
// added up, when the summary comes.
//
//   perf-script  what `perf script` prints, for stackcollapse-perf.pl and its like
//   folded       stacks with their counts, for flame graphs
//   perfetto     Chrome's trace events as JSON, for ui.perfetto.dev and chrome://tracing
//   pprof        profile.proto, compressed with gzip, for `pprof`
//   jsonl        what `stakeout watch -o json` prints (docs/json.md)
#pragma once

#include "base/result.h"
#include "watchpoints/arm/watch.h"

#include <memory>
#include <string_view>

namespace stakeout {

enum class ExportFormat { PerfScript, Folded, Perfetto, Pprof, JsonLines };

// Error (Usage): there is no such format.
Result<ExportFormat> parse_export_format(std::string_view name);

// Writes to the descriptor, which stays the caller's, and waits for a slow reader: a recording is told faster
// than a pipe takes it. A reader that has gone is no error: the rest is not written, and flush() tells.
std::unique_ptr<WatchListener> make_export(ExportFormat format, int fd);

} // namespace stakeout
