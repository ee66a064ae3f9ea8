#include "watchpoints/arm/stages.h"

#include "loader/predicate/load_predicate.h"
#include "loader/verdict.h"
#include "watchpoints/target/target_fields.h"

#include <algorithm>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

bool names(const WhenExpression* expression, WhenName wanted) {
    if (expression == nullptr) return false;
    const auto& tree = expression->tree(0);
    return std::any_of(tree.begin(), tree.end(), [wanted](const WhenNode& node) {
        const bool named = node.kind == WhenNode::Kind::Text || node.kind == WhenNode::Kind::Fact;
        return named && node.name == wanted;
    });
}

} // namespace

Result<std::unique_ptr<Stages>> Stages::open(const HitRules& rules, const ScriptPlan* script) {
    auto stages = std::make_unique<Stages>();
    stages->in_kernel_ = rules.in_kernel();
    const WhenExpression* when = rules.when.get();
    stages->looks_at_comm_ = !rules.comm.empty() || names(when, WhenName::Comm);
    stages->looks_at_pid_ = names(when, WhenName::Pid) || names(when, WhenName::Tid);
    if (script == nullptr) return stages;
    auto opened = ScriptProgram::open(script->object, script->name);
    if (!opened) return std::move(opened).error();
    stages->script_ = std::move(*opened);
    if (auto set = stages->script_->set(script->parameters, script->functions); !set)
        return std::move(set).error();
    if (stages->script_->has_followup()) {
        stages->way_ = FollowUps::choose(script->follow_up_way);
        if (stages->way_ == FollowUpWay::Softirq) stages->script_->use_softirq_tracepoint();
    }
    return stages;
}

void Stages::configure(HitProgramConfig& config) const {
    if (!any()) return;
    config.staged = true;
    config.shows_comm = looks_at_comm_;
    config.shows_pid = looks_at_pid_;
    if (script_ == nullptr) return;
    script_->configure(config);
    config.kicks = script_->has_followup() && way_ == FollowUpWay::OnDemand;
}

Status Stages::join(HitProgram& hit_program, const HitRules& rules, const ScriptPlan* script,
                    const std::vector<Target>& targets) {
    if (in_kernel_)
        if (auto loaded = load_predicate(hit_program, rules, targets); !loaded) return loaded;
    if (script != nullptr)
        if (auto loaded = load_script(hit_program, *script); !loaded) return loaded;
    return done();
}

Status Stages::load_predicate(HitProgram& hit_program, const HitRules& rules,
                              const std::vector<Target>& targets) {
    PredicateRequest request;
    request.targets = predicate_targets(targets);
    request.when = rules.when.get();
    request.changed = rules.changed;
    request.only_from = rules.only_from;
    request.not_from = rules.not_from;
    request.comm = rules.comm;
    request.hit_map_fd = hit_program.hits_fd();
    request.stages_fd = hit_program.stages_fd();
    request.passed_stage = SO_SECOND;
    request.dropped_stage = SO_CONCLUDE;
    auto loaded = stakeout::load_predicate(request);
    if (!loaded) return std::move(loaded).error();
    predicate_ = std::move(*loaded);
    return hit_program.set_stage(SO_FIRST, predicate_.get());
}

Status Stages::load_script(HitProgram& hit_program, const ScriptPlan& plan) {
    std::string verifier_log;
    if (auto loaded = script_->load(hit_program, verifier_log); !loaded)
        return explain_refusal(std::move(loaded).error(), verifier_log, {plan.name, plan.text, plan.findings},
                               plan.verifier_log);
    if (script_->has_followup()) {
        auto started = FollowUps::start(way_, !plan.follow_up_way, *script_, hit_program);
        if (!started) return std::move(started).error();
        follow_ups_ = std::move(*started);
    }
    if (script_->is_foreign()) return hit_program.set_stage(SO_FOREIGN, script_->hit_fd());
    return hit_program.set_stage(in_kernel_ ? SO_SECOND : SO_FIRST, script_->hit_fd());
}

} // namespace stakeout
