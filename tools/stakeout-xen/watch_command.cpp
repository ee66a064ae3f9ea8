// `stakeout-xen watch`: find, arm, show, end.
#include "tools/options/access_flags.h"
#include "tools/options/bounded_number.h"
#include "tools/options/duration.h"
#include "tools/options/end_signals.h"
#include "tools/options/output_choice.h"
#include "tools/stakeout-xen/commands.h"
#include "xen-bridge/watch/guest_watch.h"

#include <memory>
#include <optional>
#include <string>

namespace stakeout {
namespace {

struct Options {
    std::string domain, gpa, gva, symbol, symbols, type, length, guest_pid;
    std::string backend = "auto", ttl = "10m", count, poll = "1ms", format = "text", colour = "auto";
    std::string when, comm_match, stack_match;
    AccessFlags accesses;
    bool changed = false, no_brake = false, no_stack = false;
};

void add_options(CLI::App& command, Options& o) {
    const char* what = "What to watch";
    command.add_option("--domain,-d", o.domain, "The guest, by name or number")->required()->group(what);
    command.add_option("--gpa", o.gpa, "Guest-physical address")->group(what);
    command.add_option("--gva", o.gva, "Linear address; a process's with --guest-pid")->group(what);
    command.add_option("--guest-pid", o.guest_pid, "The process in the guest whose address --gva is")
        ->group(what);
    command
        .add_option("--symbol,-s", o.symbol,
                    "Symbol of the guest's kernel: NAME, NAME+OFF, NAME.field->field")
        ->group(what);
    command
        .add_option("--symbols", o.symbols, "The guest's System.map or vmlinux; else its own tables are read")
        ->group(what);
    command.add_option("--type", o.type, "C type of the symbol, where it is not known: 'struct net'")
        ->group(what);
    command
        .add_option("--len", o.length,
                    "Bytes to watch (default 8, or the type's); more than 32 with --gpa: page-diff")
        ->group(what);

    const char* which = "Which accesses";
    command.add_flag("--w", o.accesses.write, "Writes (default)")->group(which);
    command.add_flag("--rw", o.accesses.read_write, "Reads and writes")->group(which);
    command.add_flag("--r", o.accesses.read, "Reads")->group(which);
    command.add_flag("--x", o.accesses.execute, "Execution")->group(which);
    command.add_flag("--changed", o.changed, "Only hits that left another value")->group(which);
    command.add_option("--when", o.when, "Only hits for which this is true: 'new == 0' (man stakeout-watch)")
        ->group(which);
    command.add_option("--comm-match", o.comm_match, "Only tasks whose name matches this regular expression")
        ->group(which);
    command.add_option("--stack-match", o.stack_match, "Only hits with a matching symbol in their stack")
        ->group(which);

    const char* how = "How";
    command.add_option("--backend", o.backend, "auto, mem-access, debug-register, debug-event or page-diff")
        ->capture_default_str()
        ->group(how);
    command.add_option("--poll", o.poll, "How often page-diff looks")->capture_default_str()->group(how);
    command.add_option("--ttl", o.ttl, "Time to live, from armed on (30s, 10m, 2h)")
        ->capture_default_str()
        ->group(how);
    command.add_option("--count", o.count, "End after that many hits")->group(how);
    command
        .add_flag("--no-brake", o.no_brake,
                  "Never brake: sees everything, may stop the guest for most of its time")
        ->group(how);

    const char* output = "Output";
    command.add_option("--output,-o", o.format, "text, json or folded")->capture_default_str()->group(output);
    command.add_flag("--no-stack", o.no_stack, "No stacks")->group(output);
    command.add_option("--color", o.colour, "auto, always or never")->capture_default_str()->group(output);
}

Status read_limits(const Options& o, GuestWatchRequest& request) {
    using namespace std::chrono_literals;
    auto ttl = parse_time_to_live(o.ttl);
    if (!ttl) return std::move(ttl).error();
    request.time_to_live = *ttl;
    auto poll = parse_duration(o.poll);
    if (!poll) return std::move(poll).error();
    if (*poll < 50us || *poll > 10s) return usage_error("use --poll " + o.poll, "it is between 50us and 10s");
    request.poll = std::chrono::duration_cast<std::chrono::microseconds>(*poll);
    if (o.count.empty()) return done();
    auto count = bounded_number("--count", o.count, 1, UINT64_MAX - 1);
    if (!count) return std::move(count).error();
    request.count = *count;
    return done();
}

// --when and its like are judged on our side: there is no program in the guest.
Result<std::shared_ptr<const HitFilter>> make_filter(const Options& o, const GuestResolution& resolution) {
    HitFilter::Rules rules;
    rules.comm = o.comm_match;
    rules.stack = o.stack_match;
    if (!o.when.empty()) {
        auto syntax = parse_when(o.when);
        if (!syntax) return std::move(syntax).error();
        auto bound =
            WhenExpression::bind(*syntax, {{resolution.place.size, resolution.is_signed}},
                                 [](std::size_t, std::string_view path) -> Result<FieldPlace> {
                                     return usage_error(fmt::format("read '{}'", path),
                                                        "fields of a guest's objects are not known to --when",
                                                        "watch the field itself");
                                 });
        if (!bound) return std::move(bound).error();
        rules.when = std::make_shared<const WhenExpression>(std::move(*bound));
    }
    if (rules.comm.empty() && rules.stack.empty() && rules.when == nullptr)
        return std::shared_ptr<const HitFilter>();
    return HitFilter::make(std::move(rules));
}

Result<GuestWatchRequest> read_options(const Options& o) {
    GuestWatchRequest request;
    request.domain = o.domain;
    request.query.gpa = o.gpa;
    request.query.gva = o.gva;
    request.query.symbol = o.symbol;
    request.query.type = o.type;
    request.symbols_file = o.symbols;
    request.backend = o.backend;
    request.brake = !o.no_brake;
    request.stacks = !o.no_stack;
    request.changed = o.changed;
    auto kind = o.accesses.kind();
    if (!kind) return std::move(kind).error();
    request.kind = *kind;
    if (!o.length.empty()) {
        auto length = bounded_number("--len", o.length, 1, UINT32_MAX);
        if (!length) return std::move(length).error();
        request.query.length = *length;
    }
    if (!o.guest_pid.empty()) {
        auto pid = bounded_number("--guest-pid", o.guest_pid, 1, 4'194'304);
        if (!pid) return std::move(pid).error();
        request.query.guest_pid = static_cast<std::uint32_t>(*pid);
    }
    if (auto limits = read_limits(o, request); !limits) return std::move(limits).error();
    if (!o.when.empty())
        if (auto syntax = parse_when(o.when); !syntax) return std::move(syntax).error();
    request.filter = [&o](const GuestResolution& resolution) { return make_filter(o, resolution); };
    return request;
}

int run(const Options& options, std::chrono::steady_clock::time_point process_start) {
    auto request = read_options(options);
    if (!request) return fail_xen(request.error());
    request->process_start = process_start;
    auto colour = wants_colour(options.colour);
    if (!colour) return fail_xen(colour.error());
    auto sink = make_sink(options.format, *colour);
    if (!sink) return fail_xen(sink.error());
    auto signals = catch_signals();
    if (!signals) return fail_xen(signals.error());
    auto watch = GuestWatch::arm(std::move(*request));
    if (!watch) return fail_xen(watch.error());
    const Summary summary = (*watch)->run(**sink, signals->get());
    if (summary.ended_by == EndedBy::Target) return lost_target("", "").exit_status();
    return summary.ended_by == EndedBy::Failure ? internal_error("", "").exit_status() : 0;
}

} // namespace

Command add_xen_watch_command(CLI::App& app, std::chrono::steady_clock::time_point process_start) {
    CLI::App* command = app.add_subcommand("watch", "Catch accesses to a piece of a guest's memory");
    auto options = std::make_shared<Options>();
    add_options(*command, *options);
    command->footer("Examples:\n"
                    "  stakeout-xen watch --domain web1 --symbol jiffies_64 --count 5\n"
                    "  stakeout-xen watch --domain web1 --gpa 0x2a079c0 --len 8 --rw\n"
                    "  stakeout-xen watch --domain web1 --gva 0x7f3a52e01040 --guest-pid 120\n"
                    "Manual: man stakeout-xen");
    return {command, [options, process_start] { return run(*options, process_start); }};
}

} // namespace stakeout
