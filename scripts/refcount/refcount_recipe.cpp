#include "scripts/refcount/refcount_recipe.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_paths = 1024;
constexpr std::size_t most_hits = 8;
constexpr std::size_t most_tasks = 4;
constexpr std::size_t most_broken = 16;

} // namespace

void RefcountRecipe::on_armed(const Armed& armed) {
    armed_ = armed;
    kind_ = asked_kind_.value_or(armed.targets.empty() ? CountKind::Count
                                                       : kind_of_type(armed.targets.front().type));
    if (counter_->kind() != kind_) counter_ = std::make_shared<Counter>(kind_);
    if (!armed.values.empty()) first_ = last_ = counter_value(armed.values.front());
}

PathLedger* RefcountRecipe::ledger_for(const Hit& hit, const ReferencePath& path) {
    const auto found = paths_.find(path.stack);
    if (found != paths_.end()) return &found->second;
    if (paths_.size() == most_paths) return nullptr;
    PathLedger ledger;
    ledger.path = path;
    ledger.sample = hit;
    return &paths_.emplace(path.stack, std::move(ledger)).first->second;
}

void RefcountRecipe::note_broken(const Hit& hit, const CountStep& step, const std::string& function) {
    if (broken_.size() == most_broken) return;
    const auto note = [&](BrokenStep::Kind kind) { broken_.push_back({kind, hit.seq, step, function, hit}); };
    if (step.saturated)
        note(BrokenStep::Kind::Saturated);
    else if (step.below_zero && step.from >= 0)
        note(BrokenStep::Kind::BelowZero);
    else if (step.from_zero && kind_ == CountKind::Refcount)
        note(BrokenStep::Kind::FromZero);
}

void RefcountRecipe::on_hit(const Hit& hit) {
    if (first_ns_ == 0) first_ns_ = hit.time_ns;
    last_ns_ = hit.time_ns;
    if (!hit.new_value) ++unclear_;
    const CountStep step = counter_->step(hit);
    if (hit.new_value) last_ = step.kind == CountStep::Kind::Nothing ? counter_value(hit.new_value) : step.to;
    if (step.kind == CountStep::Kind::Nothing) {
        ++failed_;
        return;
    }
    if (step.kind == CountStep::Kind::Set) {
        ++lives_;
        pairing_.forget();
        first_ = step.to;
        return;
    }
    const ReferencePath path = reference_path(hit);
    note_broken(hit, step, path.key);
    const bool is_get = step.kind == CountStep::Kind::Get;
    for (std::uint64_t i = 0; i < step.references; ++i) {
        Pairing::Event event{hit.seq, hit.time_ns, hit.tid, path.key};
        if (is_get)
            pairing_.get(std::move(event));
        else
            pairing_.put(std::move(event));
    }
    (is_get ? gets_ : puts_) += step.references;
    PathLedger* ledger = ledger_for(hit, path);
    if (ledger == nullptr) {
        ++beyond_;
        return;
    }
    (is_get ? ledger->gets : ledger->puts) += step.references;
    if (is_get) ledger->last_get_ns = hit.time_ns;
    if (ledger->hits.size() < most_hits) ledger->hits.push_back(hit.seq);
    if (ledger->tasks.size() < most_tasks) ledger->tasks.insert(fmt::format("{} ({})", hit.comm, hit.pid));
}

bool ReferenceAccount::explains(std::int64_t value) const {
    if (!first || was_set || is_broken) return false;
    return *first + static_cast<std::int64_t>(gets) - static_cast<std::int64_t>(puts) == value;
}

ReferenceAccount RefcountRecipe::account() {
    pairing_.settle();
    ReferenceAccount account;
    account.gets = gets_;
    account.puts = puts_;
    account.first = first_;
    account.last = last_;
    account.is_broken = !broken_.empty();
    account.was_set = lives_ + beyond_ + unclear_ + pairing_.forgotten() != 0;
    for (const auto& [stack, path] : paths_) {
        FunctionAccount& function = account.functions[path.path.key];
        if (function.gets == 0 && (path.gets != 0 || function.puts == 0)) {
            function.decider = path.path.decider;
            function.sample = path.sample;
        }
        function.gets += path.gets;
        function.puts += path.puts;
        function.last_get_ns = std::max(function.last_get_ns, path.last_get_ns);
        function.longest_hold_ns = pairing_.longest_hold_ns(path.path.key);
        if (function.hits.size() < most_hits)
            function.hits.insert(function.hits.end(), path.hits.begin(), path.hits.end());
    }
    return account;
}

} // namespace stakeout
