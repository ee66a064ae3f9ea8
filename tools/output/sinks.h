// The output formats of a watch. Each is a WatchListener; adding one means a file here and a line in
// make_sink().
//
//   text    hits on stdout, readable at 100 columns; everything else on stderr
//   json    one object a line on stdout, hits and everything else (docs/json.md)
//   folded  stacks with their counts when the watch ends, for flame graphs
#pragma once

#include "watchpoints/arm/watch.h"
#include "watchpoints/arm/words.h"

#include <cstdint>
#include <memory>

namespace stakeout {

struct SinkOptions {
    bool colour = false;
    // The time of day minus CLOCK_MONOTONIC where the hits are from; 0: this machine's, now or when armed.
    std::int64_t wall_ahead_ns = 0;
};

std::unique_ptr<WatchListener> make_text_sink(int out_fd, int error_fd, const SinkOptions& options);
// Everything but hits, as text.
std::unique_ptr<WatchListener> make_news_sink(int error_fd);
std::unique_ptr<WatchListener> make_json_sink(int out_fd);
std::unique_ptr<WatchListener> make_folded_sink(int out_fd, int error_fd);

} // namespace stakeout
