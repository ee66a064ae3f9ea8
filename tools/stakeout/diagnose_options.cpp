#include "tools/stakeout/diagnose_options.h"

#include "tools/options/bounded_number.h"
#include "tools/options/duration.h"
#include "tools/options/output_choice.h"
#include "watchpoints/target/expression.h"

#include <fmt/format.h>

#include <cctype>

namespace stakeout {

void add_target_options(CLI::App& command, DiagnoseOptions& o, const std::string& name, std::size_t most,
                        const std::string& help) {
    const char* what = "What to look at";
    command.add_option(name, o.targets, help)->expected(1, static_cast<int>(most))->required()->group(what);
    command.add_option("--pid,-p", o.pid, "Process whose memory is meant; or a program to start, after --")
        ->group(what);
    command.add_option("--len", o.length, "Bytes, where no type tells")->group(what);
    command.add_option("--type", o.type, "C type of the symbol, where BTF does not tell: 'struct net'")
        ->group(what);
    command
        .add_option("--vmlinux", o.vmlinux, "System.map or vmlinux with the symbols that this kernel hides")
        ->group(what);
    command.add_option("--via", o.via, "Function whose text refers to the hidden symbol")->group(what);
}

void add_limit_options(CLI::App& command, DiagnoseOptions& o) {
    const char* limits = "Limits";
    command.add_option("--ttl", o.ttl, "Time to live, from armed on (30s, 10m, 2h)")
        ->capture_default_str()
        ->group(limits);
    command.add_option("--max-rate", o.max_rate, "Brake above that many hits a second on a CPU")
        ->group(limits);
    command.add_flag("--no-brake", o.no_brake, "Never brake: sees everything, may take most of a CPU")
        ->group(limits);
}

void add_diagnosis_output_options(CLI::App& command, DiagnoseOptions& o, const std::string& formats) {
    const char* output = "Output";
    command.add_option("--output,-o", o.format, formats)->capture_default_str()->group(output);
    command
        .add_option("--record", o.record,
                    "File that keeps the raw hits, as JSON lines; only root may read it")
        ->group(output);
    command.add_option("--color", o.colour, "auto, always or never")->capture_default_str()->group(output);
}

Result<DiagnosisOutput> check_output(const DiagnoseOptions& o, const std::string& formats) {
    DiagnosisOutput output;
    if (formats.find(o.format) == std::string::npos || o.format.empty())
        return usage_error("use --output " + o.format, "it is none of " + formats);
    if (o.format == "json") output.format = DiagnosisFormat::Json;
    if (o.format == "dot") output.format = DiagnosisFormat::Dot;
    if (o.format == "folded") output.format = DiagnosisFormat::Folded;
    auto colour = wants_colour(o.colour);
    if (!colour) return std::move(colour).error();
    output.colour = *colour;
    return output;
}

namespace {

void add_target(TargetQuery& query, const std::string& target) {
    if (target.find('(') != std::string::npos)
        query.objects.push_back(target);
    else if (!target.empty() && std::isdigit(static_cast<unsigned char>(target.front())) != 0)
        query.addresses.push_back(target);
    else
        query.symbols.push_back(target);
}

Status check_process(const DiagnoseOptions& o, TargetQuery& query) {
    if (o.pid && !o.program.empty())
        return usage_error("diagnose", "both --pid and a program to start were given", "give one");
    if (o.pid && *o.pid <= 0)
        return usage_error(fmt::format("use --pid {}", *o.pid), "a PID is a positive number");
    query.pid = o.pid;
    return done();
}

} // namespace

Result<SessionPlan> plan_session(const DiagnoseOptions& o) {
    SessionPlan plan;
    for (const std::string& target : o.targets) add_target(plan.targets, target);
    if (auto fine = check_process(o, plan.targets); !fine) return std::move(fine).error();
    plan.targets.type = o.type;
    plan.targets.via = o.via;
    plan.targets.vmlinux = o.vmlinux;
    if (!o.length.empty()) {
        auto length = bounded_number("--len", o.length, 1, 32);
        if (!length) return std::move(length).error();
        plan.targets.length = *length;
    }
    auto ttl = parse_time_to_live(o.ttl);
    if (!ttl) return std::move(ttl).error();
    plan.request.time_to_live = *ttl;
    if (!o.max_rate.empty()) {
        if (o.no_brake) return usage_error("use --max-rate", "--no-brake was given too", "give one");
        auto rate = bounded_number("--max-rate", o.max_rate, 1, 10'000'000);
        if (!rate) return std::move(rate).error();
        plan.request.brake.max_rate = *rate;
    }
    plan.request.brake.on = !o.no_brake;
    plan.request.kind = AccessKind::Write;
    plan.program = o.program;
    return plan;
}

} // namespace stakeout
