#include "scripts/stomp/stomp_recipe.h"

#include "base/monotonic_clock.h"
#include "scripts/stomp/shared_memory.h"
#include "watchpoints/arm/seed.h"
#include "watchpoints/target/code_ranges.h"
#include "watchpoints/target/target_fields.h"

#include <fmt/format.h>

extern "C" const char stakeout_stomp_script[], stakeout_stomp_script_end[]; // cmake/embed.cmake

namespace stakeout {
namespace {

constexpr std::uint64_t odd_for_ns =
    250'000'000; // a value nobody wrote, for so long: no hit is still on its way
constexpr std::size_t most_kept = 32;

ScriptPlan stomp_script(bool user) {
    ScriptPlan plan;
    plan.name = "stomp";
    plan.object.assign(stakeout_stomp_script, stakeout_stomp_script_end);
    plan.parameters = {{"user", user ? "1" : "0"}};
    return plan;
}

std::string key_of(const Frame& frame) {
    return frame.symbol.empty() ? fmt::format("{:#x}", frame.ip) : frame.module + ":" + frame.symbol;
}

// The language is --when's, the option is not.
Error about_valid(Error error) {
    if (const std::size_t at = error.tried.find("--when"); at != std::string::npos)
        error.tried.replace(at, 6, "--valid");
    return error;
}

Result<std::shared_ptr<const HitFilter>> filter_for(const std::string& expression,
                                                    const Resolution& resolution) {
    auto syntax = parse_when(expression);
    if (!syntax) return about_valid(std::move(syntax).error());
    auto bound = WhenExpression::bind(*syntax, predicate_targets(resolution.targets),
                                      target_fields(resolution.targets, resolution.types.get()));
    if (!bound) return about_valid(std::move(bound).error());
    if (bound->uses_kernel_reads())
        return usage_error(fmt::format("use --valid '{}'", expression),
                           "it follows a pointer, and the writes are judged after they were made",
                           "name the pointed-to memory as the target");
    HitFilter::Rules rules;
    rules.when = std::make_shared<const WhenExpression>(std::move(*bound));
    return HitFilter::make(std::move(rules));
}

} // namespace

Result<std::unique_ptr<StompRecipe>> StompRecipe::prepare(StompRule rule, Resolution& resolution,
                                                          WatchRequest& request) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<StompRecipe> recipe(new StompRecipe(std::move(rule)));
    if (auto fine = recipe->check_rule(resolution, request); !fine) return std::move(fine).error();
    auto peek = KernelPeek::load();
    if (!peek) return std::move(peek).error();
    recipe->peek_ = std::move(*peek);
    recipe->target_ = request.targets.front();
    recipe->process_ = request.process;
    recipe->learn_about_memory(resolution, request);
    request.script = stomp_script(request.process.has_value());
    return recipe;
}

Status StompRecipe::check_rule(Resolution& resolution, const WatchRequest& request) {
    if (request.targets.size() != 1)
        return usage_error("diagnose a stomp", "one piece of memory at a time", "name one TARGET");
    resolution.targets = request.targets; // the expression is bound to them
    if (!rule_.valid.empty()) {
        auto filter = filter_for(rule_.valid, resolution);
        if (!filter) return std::move(filter).error();
        valid_ = std::move(*filter);
    }
    const std::optional<int> pid = request.process ? std::optional(request.process->pid) : std::nullopt;
    CodeRanges ranges(resolution.symbols, pid);
    for (const std::string& writer : rule_.writers) {
        if (writer.ends_with(':')) continue; // a module
        if (auto found = ranges.find(writer); !found) return std::move(found).error();
    }
    resolution.symbols = ranges.symbols();
    return done();
}

void StompRecipe::learn_about_memory(Resolution& resolution, const WatchRequest& request) {
    if (request.process) {
        if (auto owners = process_memory_owners(request.process->pid)) owners_ = std::move(*owners);
        shared_with_ = other_mappings(request.process->pid, target_.address);
    } else {
        if (!resolution.symbols)
            if (auto symbols = KernelSymbols::load()) resolution.symbols = std::move(*symbols);
        std::unique_ptr<SlabLookup> slabs;
        if (resolution.symbols)
            if (auto types = KernelTypes::load())
                slabs = SlabLookup::make(*peek_, *resolution.symbols, **types);
        owners_ = kernel_memory_owners(resolution.symbols, std::move(slabs));
    }
    if (owners_ && !target_.is_per_cpu()) home_ = owners_->find(target_.address);
}

void StompRecipe::on_armed(const Armed& armed) {
    armed_ = armed;
    if (rule_.learn.count() != 0)
        learn_until_ns_ = monotonic_ns() + static_cast<std::uint64_t>(rule_.learn.count());
    if (!armed.values.empty()) last_value_ = armed.values.front();
}

void StompRecipe::on_hit(const Hit& hit) {
    ++hits_;
    // Emulators trap now and then on neighbouring addresses (QEMU's watchpoints do). Nobody is accused of
    // that.
    if (!hit.instruction && hit.old_value == hit.new_value) {
        ++unexplained_;
        return;
    }
    if (hit.new_value) last_value_ = hit.new_value;
    const Writer writer = writer_of(hit);
    const Judgement judgement = judge(hit, writer);
    note_life(hit, writer, judgement);
    const bool after_free = freed_ && freed_->hit != hit.seq;
    const bool is_legitimate = judgement == Judgement::Legitimate;
    const auto added =
        ledger_.add(hit, writer, after_free && !is_legitimate ? Judgement::NextOwner : judgement);
    if (added.is_sample) look_at_origin(*added.group);
    if (writer.frame == nullptr || writer.role != Writer::Role::Plain) return;
    if (auto lost = lost_updates_.add(hit, key_of(*writer.frame))) {
        ++lost_count_;
        if (judgement == Judgement::Suspect) lost_suspects_.insert(hit.seq);
        if (lost_.size() < most_kept) lost_.push_back(std::move(*lost));
    }
}

Judgement StompRecipe::judge_by_value(const Hit& hit) const {
    if (rule_.never_changes && (!hit.old_value || !hit.new_value || *hit.old_value != *hit.new_value))
        return Judgement::Suspect;
    if (valid_ && valid_->drops(hit)) return Judgement::Suspect;
    return Judgement::Legitimate;
}

Judgement StompRecipe::judge(const Hit& hit, const Writer& writer) {
    if (hit.time_ns < learn_until_ns_) {
        if (writer.frame != nullptr) learnt_.insert(key_of(*writer.frame));
        return Judgement::Legitimate;
    }
    if (!rule_.any()) return Judgement::Unjudged;
    // The allocator's own bookkeeping in memory that is free: the object's life is note_life()'s business.
    if (writer.role != Writer::Role::Plain) return Judgement::NextOwner;
    if (rule_.by_value() && judge_by_value(hit) == Judgement::Suspect) return Judgement::Suspect;
    if (!rule_.by_writer()) return Judgement::Legitimate;
    const bool known = writer.frame != nullptr && (names_writer(rule_.writers, *writer.frame) ||
                                                   learnt_.contains(key_of(*writer.frame)));
    return known ? Judgement::Legitimate : Judgement::Suspect;
}

// An allocator that writes into the target has it back: the object's life is over, or a new one begins.
void StompRecipe::note_life(const Hit& hit, const Writer& writer, Judgement judgement) {
    if (freed_) {
        if (writer.role != Writer::Role::Plain) return;
        if (judgement == Judgement::Legitimate && rule_.by_writer())
            freed_->used_after.push_back(hit.seq);
        else
            ++freed_->next_owner;
        if (freed_->used_after.size() > most_kept) freed_->used_after.resize(most_kept);
        return;
    }
    const bool first_life =
        hits_ == 1 && writer.role == Writer::Role::Allocates; // it was not born when we armed
    if (writer.role == Writer::Role::Plain || writer.frame == nullptr || first_life) return;
    Freed freed;
    freed.hit = hit.seq;
    freed.by = *writer.frame;
    freed.sample = hit;
    freed.reallocated = writer.role == Writer::Role::Allocates;
    freed_ = std::move(freed);
}

void StompRecipe::look_at_origin(WriterGroup& group) {
    group.origin = store_origin(group.sample);
    group.wrote_from.reset();
    if (!group.origin || !owners_) return;
    auto owner = owners_->find(group.origin->start);
    // Only where both have borders is a store from the one into the other a mistake for sure.
    if (owner && home_ && owner->has_borders() && home_->has_borders() && owner->start != home_->start)
        group.wrote_from = std::move(owner);
}

std::optional<Value> StompRecipe::value_now() const {
    if (target_.is_per_cpu()) return std::nullopt;
    return read_value(target_, 0, peek_.get(), process_);
}

// A value that stays without a hit for it was written where debug registers do not look: another mapping, a
// device.
bool StompRecipe::tick(const ReportDiagnosis& /*report*/) {
    const auto now = value_now();
    if (!now || !last_value_ || *now == *last_value_) {
        odd_value_.reset();
        return true;
    }
    const std::uint64_t time = monotonic_ns();
    if (!odd_value_ || *odd_value_ != *now || hits_when_odd_ != hits_) {
        odd_value_ = now;
        odd_since_ns_ = time;
        hits_when_odd_ = hits_;
        return true;
    }
    if (time - odd_since_ns_ < odd_for_ns) return true;
    if (unseen_.size() < most_kept) unseen_.push_back({time, *last_value_, *now});
    if (process_)
        shared_with_ = other_mappings(process_->pid, target_.address); // made after we were armed, perhaps
    last_value_ = now;
    odd_value_.reset();
    return true;
}

} // namespace stakeout
