#include "tools/stakeout/watch_options.h"

#include "tools/options/bounded_number.h"
#include "tools/options/duration.h"
#include "tools/options/output_choice.h"
#include "tools/output/sinks.h"
#include "watchpoints/target/expression.h"

#include <fmt/format.h>
#include <unistd.h>

namespace stakeout {

void add_watch_options(CLI::App& command, WatchOptions& o) {
    const char* what = "What to watch";
    command
        .add_option("--symbol,-s", o.symbols,
                    "Symbol: NAME, MODULE:NAME, NAME+OFF, NAME.field->field[3]; with --pid or a program a "
                    "variable of it")
        ->group(what);
    command.add_option("--object", o.objects, "Kernel object's field: task(PID)->FIELD, file(PID,FD)->FIELD")
        ->group(what);
    command.add_option("--addr", o.addresses, "Address, or range START-END (END exclusive)")->group(what);
    command.add_option("--len", o.length, "Bytes to watch, where no type tells")->group(what);
    command.add_option("--type", o.type, "C type of the symbol, where BTF does not tell: 'struct net'")
        ->group(what);
    command.add_option("--pid,-p", o.pid, "Process whose memory is meant")->group(what);
    command
        .add_option("--vmlinux", o.vmlinux, "System.map or vmlinux with the symbols that this kernel hides")
        ->group(what);
    command.add_option("--via", o.via, "Function whose text refers to the hidden symbol")->group(what);
    command.add_option("program", o.program, "Program to start and watch, with its arguments, after --")
        ->group(what);

    const char* which = "Which accesses";
    command.add_flag("--w", o.accesses.write, "Writes (default)")->group(which);
    command.add_flag("--rw", o.accesses.read_write, "Reads and writes")->group(which);
    command
        .add_flag("--r", o.accesses.read,
                  "Reads: armed as reads and writes, writes are dropped after decoding")
        ->group(which);
    command
        .add_flag("--x", o.accesses.execute, "Execution of a function's first instruction, or of an address")
        ->group(which);
    command.add_flag("--no-kernel", o.no_kernel, "Leave out the kernel's own accesses to a process's memory")
        ->group(which);

    add_script_options(command, o.script);

    const char* limits = "Limits";
    command.add_option("--ttl", o.ttl, "Time to live, from armed on (30s, 10m, 2h)")
        ->capture_default_str()
        ->group(limits);
    command.add_option("--count", o.count, "End after that many hits")->group(limits);
    command.add_option("--max-rate", o.max_rate, "Brake above that many hits a second on a CPU")
        ->group(limits);
    command.add_flag("--no-brake", o.no_brake, "Never brake: sees everything, may take most of a CPU")
        ->group(limits);

    add_keep_options(command, o.keep);

    const char* output = "Output";
    command.add_option("--output,-o", o.format, "text, json or folded")->capture_default_str()->group(output);
    command.add_option("--stack-depth", o.stack_depth, "Frames of each stack, at most 127")->group(output);
    command.add_flag("--no-stack", o.no_stack, "No stacks")->group(output);
    command.add_option("--color", o.colour, "auto, always or never")->capture_default_str()->group(output);
}

namespace {

Status check_targets(const WatchOptions& o, CheckedOptions& checked) {
    if (o.symbols.empty() && o.objects.empty() && o.addresses.empty())
        return usage_error("watch", "nothing was named",
                           "give --symbol, --object or --addr; `stakeout watch --help` shows examples");
    if (!o.program.empty() && o.pid)
        return usage_error("watch", "both --pid and a program to start were given", "give one");
    TargetQuery& query = checked.targets;
    query.symbols = o.symbols;
    query.objects = o.objects;
    query.addresses = o.addresses;
    query.type = o.type;
    query.via = o.via;
    query.vmlinux = o.vmlinux;
    query.function = o.accesses.execute;
    if (o.pid && *o.pid <= 0)
        return usage_error(fmt::format("use --pid {}", *o.pid), "a PID is a positive number");
    query.pid = o.pid;
    if (!o.length.empty()) {
        auto length = bounded_number("--len", o.length, 1, 32);
        if (!length) return std::move(length).error();
        query.length = *length;
    }
    return done();
}

Status check_limits(const WatchOptions& o, WatchRequest& request) {
    auto ttl = parse_time_to_live(o.ttl);
    if (!ttl) return std::move(ttl).error();
    request.time_to_live = *ttl;
    if (!o.count.empty()) {
        auto count = bounded_number("--count", o.count, 1, UINT64_MAX - 1);
        if (!count) return std::move(count).error();
        request.count = *count;
    }
    if (!o.max_rate.empty()) {
        if (o.no_brake) return usage_error("use --max-rate", "--no-brake was given too", "give one");
        auto rate = bounded_number("--max-rate", o.max_rate, 1, 10'000'000);
        if (!rate) return std::move(rate).error();
        request.brake.max_rate = *rate;
    }
    request.brake.on = !o.no_brake;
    request.exclude_kernel = o.no_kernel;
    if (!o.stack_depth.empty()) {
        auto depth = bounded_number("--stack-depth", o.stack_depth, 0, SO_MAX_DEPTH);
        if (!depth) return std::move(depth).error();
        request.kernel_depth = request.user_depth = static_cast<std::uint32_t>(*depth);
    }
    if (o.no_stack) request.kernel_depth = request.user_depth = 0;
    return done();
}

} // namespace

Result<CheckedOptions> check_options(const WatchOptions& o) {
    CheckedOptions checked;
    auto kind = o.accesses.kind();
    if (!kind) return std::move(kind).error();
    checked.request.kind = *kind;
    if (auto fine = check_targets(o, checked); !fine) return std::move(fine).error();
    if (auto fine = check_limits(o, checked.request); !fine) return std::move(fine).error();
    if (o.no_kernel && !o.pid && o.program.empty())
        return usage_error("use --no-kernel", "kernel memory is accessed by the kernel only",
                           "it goes with --pid or a program");
    if (auto fine = check_script_options(o.script); !fine) return std::move(fine).error();
    auto keep = check_keep_options(o.keep);
    if (!keep) return std::move(keep).error();
    checked.keep = *keep;
    auto colour = wants_colour(o.colour);
    if (!colour) return std::move(colour).error();
    if ((o.keep.detach || o.keep.quiet) && o.format != "text")
        return usage_error("use --output " + o.format, "this watch shows its hits to nobody",
                           "`stakeout tail` shows them, --record keeps them");
    auto sink =
        o.keep.detach || o.keep.quiet ? Result(make_news_sink(STDERR_FILENO)) : make_sink(o.format, *colour);
    if (!sink) return std::move(sink).error();
    checked.sink = std::move(*sink);
    return checked;
}

} // namespace stakeout
