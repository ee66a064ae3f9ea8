// From what stomp has seen to its diagnosis. What proves most is asked first: a use after free, a write that
// began in other memory, an update that was lost; then what the user's rule says; last whether "nobody" can
// be said at all.
#include "scripts/diagnosis/coverage_evidence.h"
#include "scripts/diagnosis/words.h"
#include "scripts/stomp/pattern.h"
#include "scripts/stomp/stomp_recipe.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t lost_updates_that_prove = 3; // without a rule on the value

std::string hex_of(const std::optional<Value>& value) { return value ? value->hex() : "?"; }

std::string change_of(const Hit& hit) {
    return fmt::format("{} -> {}", hex_of(hit.old_value), hex_of(hit.new_value));
}

void add_memory(Evidence& evidence, const Hit& hit) {
    if (hit.says) evidence.memory = hit.says->snapshots;
    for (const Look& look : hit.looks)
        evidence.memory.insert(evidence.memory.end(), look.says.snapshots.begin(), look.says.snapshots.end());
}

} // namespace

class StompVerdict {
  public:
    explicit StompVerdict(const StompRecipe& recipe) : r_(recipe) {}

    Diagnosis make() {
        d_.recipe = "stomp";
        d_.target = r_.target_.name;
        d_.covered = coverage_evidence(r_.armed_, r_.summary_);
        d_.not_covered = coverage_gaps(r_.armed_, r_.summary_);
        if (r_.ledger_.beyond() != 0)
            d_.not_covered.push_back(fmt::format("{} writes by more than {} functions were not told apart",
                                                 r_.ledger_.beyond(), StompLedger::most_groups));
        if (r_.unexplained_ != 0)
            d_.not_covered.push_back(
                fmt::format("{} traps left the value as it was, and no instruction before them accesses "
                            "it: they were not judged",
                            r_.unexplained_));
        if (!use_after_free() && !overrun() && !race() && !foreign_writer()) nobody();
        add_writers();
        add_unseen();
        return std::move(d_);
    }

  private:
    // ---- findings, the strongest first ----

    bool use_after_free() {
        if (!r_.freed_) return false;
        const Freed& freed = *r_.freed_;
        Evidence life;
        life.kind = freed.reallocated ? "reallocated" : "freed";
        life.says = fmt::format("{} {} this memory while it was watched", describe(freed.by),
                                freed.reallocated ? "was given" : "freed");
        life.hits = {freed.hit};
        life.facts = {{"writes_by_next_owner", freed.next_owner},
                      {"writes_by_old_owner", std::uint64_t{freed.used_after.size()}}};
        add_stacks(life, freed.sample);
        d_.evidence.push_back(std::move(life));
        if (freed.used_after.empty()) return false; // a life that ended in order, as far as writes tell
        Evidence use;
        use.kind = "used_after_free";
        use.says = fmt::format("a legitimate writer went on using it after that: {}",
                               times_in_words(freed.used_after.size()));
        use.hits = freed.used_after;
        d_.evidence.push_back(std::move(use));
        accuse(freed.by, freed.sample, "use_after_free",
               freed.reallocated ? "got memory that its last owner still uses"
                                 : "freed memory that its owner still uses",
               freed.next_owner != 0
                   ? fmt::format("; the next owner wrote it {}, the old one {}",
                                 times_in_words(freed.next_owner), times_in_words(freed.used_after.size()))
                   : fmt::format("; it was written {} after that", times_in_words(freed.used_after.size())));
        return true;
    }

    // A write that began in other memory than the target's is wrong whoever made it.
    bool overrun() {
        const WriterGroup* found = nullptr;
        for (const WriterGroup& group : r_.ledger_.groups()) {
            const bool judged = group.suspects != 0 || !r_.rule_.any();
            if (judged && group.wrote_from && (found == nullptr || group.hits < found->hits)) found = &group;
        }
        if (found == nullptr) return false;
        suspects_ = {found};
        accuse(found->frame, found->sample, "overrun", "wrote beyond " + found->wrote_from->name,
               fmt::format(": {}; {}", change_of(found->sample), overrun_words(*found)));
        return true;
    }

    bool race() {
        const bool refused = !r_.lost_suspects_.empty();
        const bool many = !r_.rule_.by_value() && r_.lost_count_ >= lost_updates_that_prove;
        if (r_.lost_.empty() || !(refused || many)) return false;
        const LostUpdate& first = r_.lost_.front();
        Evidence evidence;
        evidence.kind = "lost_update";
        evidence.says =
            fmt::format("{} updates were lost: a task wrote what it had made of a value that another had "
                        "replaced meanwhile; first {} over {}, {:.1f} us later",
                        r_.lost_count_, function_of(first.writer_function),
                        function_of(first.overwritten_function), static_cast<double>(first.apart_ns) / 1e3);
        evidence.hits = {first.overwritten, first.writer};
        evidence.facts = {{"lost_updates", r_.lost_count_}};
        d_.evidence.push_back(std::move(evidence));
        for (const LostUpdate& lost : r_.lost_) {
            accuse_in_race(lost.writer_function, lost.overwritten_function);
            accuse_in_race(lost.overwritten_function, lost.writer_function);
        }
        if (d_.culprits.empty()) return false;
        const bool same = d_.culprits.size() == 1;
        d_.kind = "race";
        d_.sentence =
            same ? fmt::format(
                       "{} races with itself over {}: {} of its updates were lost, no common lock is held",
                       d_.culprits[0].function, d_.target, r_.lost_count_)
                 : fmt::format("{} and {} race over {}: {} updates were lost, no common lock is held",
                               d_.culprits[0].function, d_.culprits[1].function, d_.target, r_.lost_count_);
        return true;
    }

    bool foreign_writer() {
        if (!r_.rule_.any()) return false;
        for (const WriterGroup& group : r_.ledger_.groups())
            if (group.suspects > group.next_owner || (group.suspects != 0 && !r_.freed_))
                suspects_.push_back(&group);
        if (suspects_.empty()) return false;
        // The rarer, the more suspicious; of equals the first.
        std::stable_sort(suspects_.begin(), suspects_.end(), [](const WriterGroup* a, const WriterGroup* b) {
            return a->suspects < b->suspects;
        });
        const bool by_value = !r_.rule_.by_writer();
        for (const WriterGroup* group : suspects_) {
            if (group->frame.symbol.empty() && suspects_.size() > 1) continue;
            d_.culprits.push_back(culprit_at(
                group->frame, group->sample,
                fmt::format("wrote {} {}", change_of(group->sample), times_in_words(group->suspects))));
        }
        d_.verdict = Verdict::Culprit;
        d_.kind = by_value ? "invalid_value" : "foreign_writer";
        const WriterGroup& first = *suspects_.front();
        d_.sentence =
            fmt::format("{} in {} overwrote {}: {}{}", describe(first.frame), task_in_words(first.sample),
                        d_.target, change_of(first.sample), pattern_words(first));
        if (suspects_.size() > 1) d_.sentence += fmt::format("; {} further suspects", suspects_.size() - 1);
        return true;
    }

    void nobody() {
        const bool whole = covered_everything(r_.armed_, r_.summary_);
        if (!r_.unseen_.empty()) {
            d_.kind = "unseen_change";
            d_.sentence = fmt::format(
                "{} changed {} without a write that a debug register sees: through another mapping "
                "of the same memory, or by a device",
                d_.target, times_in_words(r_.unseen_.size()));
            if (!r_.shared_with_.empty()) d_.sentence += "; it lies in " + r_.shared_with_;
            d_.next.emplace_back(
                r_.process_ ? "watch the other mapping: stakeout watch --pid THE_OTHER --addr ITS_ADDRESS"
                            : "look for the page's other mappings and the devices that may write to it");
            return;
        }
        if (!r_.rule_.any()) {
            d_.kind = "no_rule";
            d_.sentence = fmt::format("{} functions wrote {}, and which of them may was not said",
                                      r_.ledger_.groups().size(), d_.target);
            d_.next.emplace_back("say what is legitimate: --writers f,g or --learn 10s or --valid 'new < 64' "
                                 "or --never-changes");
            return;
        }
        if (r_.freed_) {
            d_.kind = "life_ended";
            d_.sentence = fmt::format(
                "no foreign writer was seen as long as the object lived; {} {} its memory at hit #{}",
                r_.freed_->by.symbol, r_.freed_->reallocated ? "was given" : "freed", r_.freed_->hit);
            d_.verdict = whole ? Verdict::Clean : Verdict::NotEnough;
        } else if (whole) {
            d_.verdict = Verdict::Clean;
            d_.sentence = fmt::format("no foreign writer was seen: {} writes to {}, all legitimate ({})",
                                      r_.summary_.hits, d_.target, describe(r_.rule_));
        } else {
            d_.sentence = fmt::format(
                "no foreign writer was seen among {} writes to {}, but not everything was watched",
                r_.summary_.hits, d_.target);
        }
        if (!whole)
            d_.next.emplace_back(
                "watch everything: --no-brake (may take most of a CPU), or narrow the target");
        if (r_.summary_.ended_by == EndedBy::TimeToLive)
            d_.next.push_back("watch until it happens again: --ttl 24h");
    }

    // ---- words ----

    void accuse(const Frame& frame, const Hit& hit, std::string kind, const std::string& did,
                const std::string& how) {
        d_.verdict = Verdict::Culprit;
        d_.kind = std::move(kind);
        d_.culprits.push_back(culprit_at(frame, hit, did));
        d_.sentence =
            fmt::format("{} in {} {}{}", describe(frame), task_in_words(hit), did,
                        d_.kind == "overrun" ? fmt::format(" and overwrote {}{}", d_.target, how) : how);
    }

    void accuse_in_race(const std::string& function, const std::string& other) {
        const std::string name = function_of(function);
        if (std::any_of(d_.culprits.begin(), d_.culprits.end(),
                        [&](const Culprit& c) { return c.function == name; }))
            return;
        for (const WriterGroup& group : r_.ledger_.groups())
            if (group.frame.symbol == name) {
                d_.verdict = Verdict::Culprit;
                d_.culprits.push_back(
                    culprit_at(group.frame, group.sample, "races with " + function_of(other)));
                suspects_.push_back(&group);
                return;
            }
    }

    static std::string function_of(const std::string& key) { // "module:function"
        const std::size_t slash = key.rfind('/');
        const std::size_t colon = key.find(':', slash == std::string::npos ? 0 : slash);
        return colon == std::string::npos ? key : key.substr(colon + 1);
    }

    [[nodiscard]] std::string overrun_words(const WriterGroup& group) const {
        const StoreOrigin& origin = *group.origin;
        const OwnedMemory& from = *group.wrote_from;
        const std::uint64_t end = from.start + from.size;
        const std::uint64_t address = group.sample.address;
        if (address < from.start)
            return fmt::format("it lies {} bytes before {} ({} bytes), to which the store belongs",
                               from.start - address, from.name, from.size);
        std::string words = fmt::format("the {} began {} bytes before {}, in {} ({} bytes)",
                                        origin.kind == StoreOrigin::Kind::Copy ? "copy" : "store",
                                        address - origin.start, d_.target, from.name, from.size);
        if (origin.end && *origin.end > end)
            words += fmt::format(" and goes on for {} bytes behind it", *origin.end - end);
        return words;
    }

    [[nodiscard]] std::optional<BytePattern> pattern_of(const Hit& hit) const {
        if (!hit.new_value) return std::nullopt;
        return recognise(hit.new_value->bytes, [this](std::uint64_t address) -> std::optional<std::string> {
            return r_.owners_ ? describe_place(*r_.owners_, address) : std::nullopt;
        });
    }

    [[nodiscard]] std::string pattern_words(const WriterGroup& group) const {
        const auto pattern = pattern_of(group.sample);
        return pattern ? ", " + pattern->says : "";
    }

    // ---- evidence ----

    [[nodiscard]] Evidence writer_evidence(const WriterGroup& group, bool is_suspect) const {
        Evidence e;
        e.kind = is_suspect ? "suspect" : "writer";
        e.hits = group.numbers;
        e.says =
            fmt::format("{}{} wrote it {}, first {}, in {} on CPU {}", describe(group.frame),
                        group.via.empty() ? "" : " (through " + group.via + ")", times_in_words(group.hits),
                        change_of(group.sample), task_in_words(group.sample), group.sample.cpu);
        e.facts = {{"function", group.frame.symbol},
                   {"hits", group.hits},
                   {"suspects", group.suspects},
                   {"legitimate", group.legitimate},
                   {"old", hex_of(group.sample.old_value)},
                   {"new", hex_of(group.sample.new_value)}};
        if (!is_suspect) return e;
        add_stacks(e, group.sample);
        add_memory(e, group.sample);
        if (const auto pattern = pattern_of(group.sample))
            e.under.push_back({"pattern", "what was written: " + pattern->says, {}, {}, {}, {}, {}});
        if (group.origin && group.wrote_from)
            e.under.push_back({"overrun",
                               overrun_words(group) + "; " + group.origin->says,
                               {},
                               {{"start", fmt::format("{:#x}", group.origin->start)},
                                {"buffer", group.wrote_from->name},
                                {"buffer_start", fmt::format("{:#x}", group.wrote_from->start)},
                                {"buffer_bytes", group.wrote_from->size}},
                               {},
                               {},
                               {}});
        return e;
    }

    void add_writers() {
        for (const WriterGroup* group : suspects_) d_.evidence.push_back(writer_evidence(*group, true));
        std::vector<const WriterGroup*> others;
        for (const WriterGroup& group : r_.ledger_.groups())
            if (std::find(suspects_.begin(), suspects_.end(), &group) == suspects_.end())
                others.push_back(&group);
        std::stable_sort(others.begin(), others.end(),
                         [](const WriterGroup* a, const WriterGroup* b) { return a->hits < b->hits; });
        for (const WriterGroup* group : others)
            d_.evidence.push_back(writer_evidence(*group, !r_.rule_.any()));
    }

    void add_unseen() {
        for (const UnseenChange& change : r_.unseen_)
            d_.evidence.push_back(
                {"unseen_change",
                 fmt::format("the value went from {} to {} without a hit", change.from.hex(),
                             change.to.hex()),
                 {},
                 {{"time_ns", change.time_ns}, {"old", change.from.hex()}, {"new", change.to.hex()}},
                 {},
                 {},
                 {}});
        if (!r_.shared_with_.empty()) d_.not_covered.push_back("the target lies in " + r_.shared_with_);
    }

    const StompRecipe& r_;
    Diagnosis d_;
    std::vector<const WriterGroup*> suspects_;
};

Diagnosis StompRecipe::conclude() { return StompVerdict(*this).make(); }

} // namespace stakeout
