#include "tools/stakeout/keep_options.h"

#include "keeper/run_folder.h"
#include "tools/options/bounded_number.h"
#include "tools/options/byte_size.h"
#include "tools/options/duration.h"

namespace stakeout {

void add_keep_options(CLI::App& command, KeepOptions& o) {
    const char* life = "How it lives on";
    command
        .add_flag("--detach,-d", o.detach,
                  "Return once armed, and print the name; the watch lives on by itself")
        ->group(life);
    command
        .add_flag("--quiet,-q", o.quiet, "Show no hits here; `stakeout tail` does, and --record keeps them")
        ->group(life);
    command.add_option("--name", o.name, "What other commands call it; without one, by its id")->group(life);
    command
        .add_option("--notify", o.notify,
                    "Shell command for notices and the end; STAKEOUT_EVENT and STAKEOUT_TEXT tell it")
        ->group(life);
    o.wait_option = command
                        .add_option("--wait", o.wait,
                                    "Where no slot is free, queue for one, at most that long (--wait=10m)")
                        ->expected(0, 1)
                        ->group(life);

    command
        .add_option("--config", o.config,
                    "Options out of a file, as systemd's: a line each, symbol = \"my_state\"")
        ->group(life);

    const char* recording = "Recording";
    auto* record =
        command.add_option("--record", o.record, "Record the hits to a file, for `stakeout report`")
            ->group(recording);
    command
        .add_option("--max-size", o.max_size,
                    "Begin another file when it is that large; FILE.1 is the one before")
        ->capture_default_str()
        ->needs(record)
        ->group(recording);
    command.add_option("--keep", o.keep, "How many full files are kept beside it")
        ->capture_default_str()
        ->needs(record)
        ->group(recording);
}

namespace {

Status check_record(const KeepOptions& o, KeepChoice& choice) {
    if (o.record.empty()) return done();
    auto size = parse_byte_size("--max-size", o.max_size);
    if (!size) return std::move(size).error();
    auto keep = bounded_number("--keep", o.keep, 0, 999);
    if (!keep) return std::move(keep).error();
    choice.files = FileStoreOptions{o.record, *size, static_cast<unsigned>(*keep)};
    return done();
}

} // namespace

Result<KeepChoice> check_keep_options(const KeepOptions& o) {
    KeepChoice choice;
    if (!o.name.empty())
        if (auto fine = check_watch_name(o.name); !fine) return std::move(fine).error();
    if (auto fine = check_record(o, choice); !fine) return std::move(fine).error();
    if (o.wait_option->count() == 0) return choice;
    if (o.wait.empty() || o.wait == "true") {
        choice.wait = std::chrono::nanoseconds::max();
        return choice;
    }
    auto patience = parse_duration(o.wait);
    if (!patience) return std::move(patience).error();
    choice.wait = *patience;
    return choice;
}

} // namespace stakeout
