// The formats, a file each. For this folder's own files.
#pragma once

#include "watchpoints/arm/watch.h"

#include <memory>

namespace stakeout {

std::unique_ptr<WatchListener> make_perf_script_export(int fd);
std::unique_ptr<WatchListener> make_folded_export(int fd);
std::unique_ptr<WatchListener> make_perfetto_export(int fd);
std::unique_ptr<WatchListener> make_pprof_export(int fd);

} // namespace stakeout
