#include "tools/stakeout/script_options.h"

#include "loader/script_source.h"
#include "watchpoints/target/code_ranges.h"
#include "watchpoints/target/target_fields.h"

#include <fmt/format.h>

namespace stakeout {

void add_script_options(CLI::App& command, ScriptOptions& o) {
    const char* group = "Which hits";
    // An empty one, as of a shell variable that is not set, must not mean "all hits".
    const CLI::Validator not_empty(
        [](const std::string& text) { return text.empty() ? std::string("it is empty") : std::string(); },
        "");
    command
        .add_option("--when", o.when,
                    "Only hits for which this C expression is not 0: 'new == 0 && comm != \"x\"'")
        ->check(not_empty)
        ->group(group);
    command.add_flag("--changed", o.changed, "Only hits that changed the value")->group(group);
    command.add_option("--only-from", o.only_from, "Only accesses made by these functions: a,b")
        ->check(not_empty)
        ->group(group);
    command.add_option("--not-from", o.not_from, "No accesses made by these functions")
        ->check(not_empty)
        ->group(group);
    command.add_option("--comm-match", o.comm_match, "Only tasks whose name matches the regular expression")
        ->check(not_empty)
        ->group(group);
    command.add_option("--stack-match", o.stack_match, "Only hits with a symbol on a stack that matches")
        ->check(not_empty)
        ->group(group);
    command
        .add_option("--script", o.script, "Monitor script: C source, or what `stakeout compile` made of it")
        ->check(not_empty)
        ->group(group);
    command.add_option("--param", o.parameters, "Parameter of the script, NAME=VALUE; may be repeated")
        ->group(group);
    command
        .add_option("--followup", o.follow_up, "How follow-ups are run: auto, on-demand, periodic or softirq")
        ->capture_default_str()
        ->group(group);
    command
        .add_option("--verifier-log", o.verifier_log,
                    "File for the kernel verifier's whole log of a refused script")
        ->group(group);
}

namespace {

Result<std::optional<FollowUpWay>> follow_up_way(const std::string& text) {
    if (text == "auto") return std::optional<FollowUpWay>();
    if (text == "on-demand") return std::optional(FollowUpWay::OnDemand);
    if (text == "periodic") return std::optional(FollowUpWay::Periodic);
    if (text == "softirq") return std::optional(FollowUpWay::Softirq);
    return usage_error("use --followup " + text, "it is none of auto, on-demand, periodic and softirq");
}

// Where the kernel cannot tell a read from a write without decoding the instruction, the reader judges.
bool access_is_decoded(AccessKind kind) { return kind == AccessKind::Read || kind == AccessKind::ReadWrite; }

Status apply_when(const ScriptOptions& options, const Resolution& resolution, WatchRequest& request,
                  HitFilter::Rules& reader) {
    if (options.when.empty()) return done();
    auto syntax = parse_when(options.when);
    if (!syntax) return std::move(syntax).error();
    auto bound = WhenExpression::bind(*syntax, predicate_targets(request.targets),
                                      target_fields(request.targets, resolution.types.get()));
    if (!bound) return std::move(bound).error();
    auto when = std::make_shared<const WhenExpression>(std::move(*bound));
    if (!when->uses_access() || !access_is_decoded(request.kind)) {
        request.rules.when = std::move(when);
        return done();
    }
    if (when->uses_kernel_reads())
        return usage_error(
            fmt::format("use --when '{}'", options.when),
            "`access` is known only after the instruction was decoded, and pointers can be followed "
            "only before",
            "use --w or --x, where `access` is always the same, or leave one of both out");
    reader.when = std::move(when);
    return done();
}

Status apply_script(const ScriptOptions& options, std::shared_ptr<CodeRanges> ranges, WatchRequest& request,
                    std::vector<std::string>& notices) {
    if (options.script.empty()) return done();
    auto plan = plan_script(options.script, options.parameters, options.verifier_log, notices);
    if (!plan) return std::move(plan).error();
    auto way = follow_up_way(options.follow_up);
    if (!way) return std::move(way).error();
    plan->follow_up_way = *way;
    plan->functions = [ranges = std::move(ranges)](std::string_view name) -> Result<TextRange> {
        auto found = ranges->find(name);
        if (!found) return std::move(found).error();
        return TextRange{found->front().start, found->front().end};
    };
    request.script = std::move(*plan);
    return done();
}

Result<std::vector<ScriptParameter>> split_parameters(const std::vector<std::string>& typed) {
    std::vector<ScriptParameter> parameters;
    for (const std::string& text : typed) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return usage_error(fmt::format("use --param {}", text), "it is not NAME=VALUE");
        parameters.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    return parameters;
}

} // namespace

Result<ScriptPlan> plan_script(const std::string& path, const std::vector<std::string>& parameters,
                               const std::string& verifier_log, std::vector<std::string>& notices) {
    auto source = read_script(path, notices);
    if (!source) return std::move(source).error();
    auto split = split_parameters(parameters);
    if (!split) return std::move(split).error();
    ScriptPlan plan;
    plan.name = path;
    plan.object = std::move(source->object);
    plan.text = std::move(source->text);
    plan.findings = std::move(source->findings);
    plan.parameters = std::move(*split);
    plan.verifier_log = verifier_log;
    return plan;
}

Status check_script_options(const ScriptOptions& options) {
    if (options.script.empty() && !options.parameters.empty())
        return usage_error("use --param", "there is no --script that could take it");
    if (!options.when.empty())
        if (auto syntax = parse_when(options.when); !syntax) return std::move(syntax).error();
    if (auto way = follow_up_way(options.follow_up); !way) return std::move(way).error();
    return done();
}

Status apply_script_options(const ScriptOptions& options, Resolution& resolution, WatchRequest& request,
                            std::vector<std::string>& notices) {
    HitRules& rules = request.rules;
    if (request.kind == AccessKind::Execute && options.changed)
        return usage_error("use --changed with --x", "executing an instruction changes no value");
    rules.changed = options.changed;
    const std::optional<int> pid = request.process ? std::optional(request.process->pid) : std::nullopt;
    auto ranges = std::make_shared<CodeRanges>(resolution.symbols, pid);
    for (const auto& [names, into] :
         {std::pair(&options.only_from, &rules.only_from), {&options.not_from, &rules.not_from}}) {
        auto found = ranges->find_all(*names);
        if (!found) return std::move(found).error();
        if (found->empty() && !names->empty())
            return usage_error(fmt::format("use '{}' as names of functions", *names), "it names none");
        *into = std::move(*found);
    }
    resolution.symbols = ranges->symbols(); // read once, for whoever needs them
    HitFilter::Rules reader;
    if (!options.comm_match.empty()) {
        if (auto exact = exact_comm_patterns(options.comm_match))
            rules.comm = std::move(*exact);
        else
            reader.comm = options.comm_match;
    }
    reader.stack = options.stack_match;
    if (!reader.stack.empty() && request.kernel_depth == 0)
        return usage_error("use --stack-match with --no-stack", "there are no stacks to match");
    if (auto applied = apply_when(options, resolution, request, reader); !applied) return applied;
    if (!reader.comm.empty() || !reader.stack.empty() || reader.when != nullptr) {
        auto filter = HitFilter::make(std::move(reader));
        if (!filter) return std::move(filter).error();
        rules.reader = std::move(*filter);
    }
    return apply_script(options, std::move(ranges), request, notices);
}

} // namespace stakeout
