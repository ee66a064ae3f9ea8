// From the tally of many objects to the diagnosis. One object proves nothing: whatever is said of a function
// was seen in several.
#include "scripts/diagnosis/coverage_evidence.h"
#include "scripts/diagnosis/words.h"
#include "scripts/refcount/all_of_recipe.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::uint64_t broken_that_prove = 2;
constexpr std::size_t most_functions_shown = 24;

std::string objects(std::uint64_t count) {
    return count == 1 ? "1 object" : fmt::format("{} objects", count);
}
double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

} // namespace

class AllOfVerdict {
  public:
    explicit AllOfVerdict(AllOfRecipe& recipe)
        : r_(recipe), tally_(recipe.tally_), counts_(tally_.counts()) {}

    Diagnosis make() {
        d_.recipe = "refcount";
        d_.target = r_.plan_.name;
        d_.covered = coverage_evidence(r_.armed_, r_.summary_);
        d_.not_covered = coverage_gaps(r_.armed_, r_.summary_);
        if (!broken() && !missing_puts()) sound();
        add_objects();
        add_gap();
        add_functions();
        for (const std::string& what : r_.plan_.not_covered) d_.not_covered.push_back(what);
        return std::move(d_);
    }

  private:
    // ---- findings ----

    bool broken() {
        const auto most =
            std::max_element(r_.broken_.begin(), r_.broken_.end(), [](const auto& a, const auto& b) {
                return a.second.objects < b.second.objects;
            });
        if (most == r_.broken_.end() || most->second.objects < broken_that_prove) return false;
        AllOfRecipe::Broken& found = most->second;
        d_.verdict = Verdict::Culprit;
        d_.kind = found.first.kind;
        d_.culprits = found.first.culprits;
        d_.sentence = fmt::format("in {}, the first: {}", objects(found.objects), found.first.sentence);
        d_.evidence = std::move(found.first.evidence);
        return true;
    }

    bool missing_puts() {
        const auto suspects = tally_.suspects();
        if (suspects.empty()) return false;
        for (const ObjectTally::Suspect& suspect : suspects) {
            const auto& totals = tally_.functions().at(suspect.function);
            d_.culprits.push_back(culprit_at(totals.decider, totals.sample,
                                             fmt::format("took the references that alone keep {} alive",
                                                         objects(suspect.objects.size()))));
            add_kept(suspect, totals);
        }
        const ObjectTally::Suspect& worst = suspects.front();
        const auto& totals = tally_.functions().at(worst.function);
        d_.verdict = Verdict::Culprit;
        d_.kind = "missing_put";
        d_.sentence = fmt::format(
            "{} in {} (pid {}) takes references of {} that are not given back: {} of the {} objects that "
            "were followed live on only by {} of its {} gets; in {} others that it used it gave back all, "
            "and "
            "they were freed",
            describe(totals.decider), totals.sample.comm, totals.sample.pid, d_.target, worst.objects.size(),
            counts_.objects, worst.references, totals.gets, totals.freed);
        return true;
    }

    void add_kept(const ObjectTally::Suspect& suspect, const ObjectTally::FunctionTotals& totals) {
        Evidence evidence;
        evidence.kind = "kept_alive";
        std::uint64_t least_ns = UINT64_MAX;
        for (const ObjectTally::Kept* kept : suspect.objects) {
            const auto& open = kept->open.at(suspect.function);
            least_ns = std::min(least_ns, kept->end_ns - open.last_get_ns);
            if (evidence.hits.size() < 8 && !open.hits.empty()) evidence.hits.push_back(open.hits.front());
        }
        const ObjectTally::Kept& first = *suspect.objects.front();
        evidence.says = fmt::format(
            "{} whose count is what {} took and did not give back (object {} at {:#x}: {}), for {:.3f} s and "
            "longer; it held no other reference that long ({:.6f} s at most)",
            objects(suspect.objects.size()), describe(totals.decider), first.number, first.address,
            first.value, static_cast<double>(least_ns) / 1e9,
            static_cast<double>(totals.longest_hold_ns) / 1e9);
        evidence.facts = {{"objects", std::uint64_t{suspect.objects.size()}},
                          {"references", suspect.references},
                          {"longest_hold_ns", totals.longest_hold_ns}};
        add_stacks(evidence, totals.sample);
        d_.evidence.push_back(std::move(evidence));
    }

    void sound() {
        const std::uint64_t live = counts_.alive + counts_.cut;
        if (counts_.objects == 0) {
            d_.sentence = fmt::format("no object of {} was followed: {}", d_.target,
                                      births() == 0 ? "none was born" : "they were gone too soon");
            d_.next.emplace_back(
                births() == 0
                    ? "let the traffic come that makes them; is it the function (--born-by) or cache "
                      "(--cache) that they come from?"
                    : "watch one by its address: objects that live for less than a "
                      "millisecond cannot be followed");
            return;
        }
        if (counts_.gets + counts_.puts == 0) {
            d_.sentence =
                fmt::format("the count of {} did not change in any of {}: there is nothing to compare",
                            d_.target, objects(counts_.objects));
            d_.next.emplace_back("is it the right counter? let the traffic come that drifts");
            return;
        }
        const std::string seen =
            fmt::format("{} followed from birth, {} gets and {} puts: {} freed at zero",
                        objects(counts_.objects), counts_.gets, counts_.puts, counts_.freed);
        if (!r_.broken_.empty()) {
            d_.sentence =
                fmt::format("{}; in one object {}", seen, r_.broken_.begin()->second.first.sentence);
            d_.next.emplace_back("one object proves nothing: follow more of them (--ttl 1h)");
            return;
        }
        const bool few = counts_.freed < ObjectTally::objects_that_prove;
        if (counts_.alive == 0 && tally_.kept().empty() && !few && counts_.unclear * 2 <= counts_.objects) {
            d_.verdict = Verdict::Clean;
            d_.sentence = fmt::format("{}; no reference was left behind", seen);
            if (counts_.cut != 0) d_.sentence += fmt::format(", {} in use when the watch ended", counts_.cut);
            return;
        }
        d_.sentence = fmt::format("{}, {} alive, {} with steps that were not seen; not enough to tell "
                                  "references that are held from forgotten ones",
                                  seen, live, counts_.unclear);
        if (counts_.unclear * 2 > counts_.objects) {
            d_.next.emplace_back("watch everything: --no-brake, and --at-once 1");
            return;
        }
        d_.next.emplace_back(
            few ? "follow more objects to their end: --for-each 30s --ttl 1h"
                : "follow each for longer, until those that are merely used are freed: --for-each 30s");
    }

    // ---- evidence ----

    [[nodiscard]] std::uint64_t births() const { return r_.plan_.births_seen ? r_.plan_.births_seen() : 0; }

    void add_objects() {
        Evidence evidence;
        evidence.kind = "objects";
        evidence.says = fmt::format(
            "{} followed of {} that were born: {} freed at zero, {} freed with another count, {} alive after "
            "{:.1f} s, {} alive at the watch's end, {} with steps that were not seen",
            objects(counts_.objects), births(), counts_.freed, counts_.freed_in_use, counts_.alive,
            std::chrono::duration<double>(r_.plan_.for_each).count(), counts_.cut, counts_.unclear);
        if (r_.missed_ != 0)
            evidence.says += fmt::format("; {} were gone before a slot was there", r_.missed_);
        evidence.facts = {{"objects", counts_.objects}, {"born", births()},
                          {"freed", counts_.freed},     {"freed_in_use", counts_.freed_in_use},
                          {"alive", counts_.alive},     {"cut", counts_.cut},
                          {"unclear", counts_.unclear}, {"missed", r_.missed_}};
        d_.evidence.push_back(std::move(evidence));
    }

    void add_gap() {
        std::vector<std::uint64_t> gaps = tally_.gaps_ns();
        if (gaps.empty()) return;
        std::sort(gaps.begin(), gaps.end());
        const std::uint64_t median = gaps[gaps.size() / 2];
        d_.covered.facts.emplace_back("gap_median_ns", median);
        d_.covered.facts.emplace_back("gap_most_ns", gaps.back());
        d_.not_covered.push_back(
            fmt::format("an object's first {:.0f} us (median; {:.0f} at most), from its birth until a slot "
                        "was on it: gets "
                        "and puts of that time are in the count it began with, and have no stack",
                        microseconds(median), microseconds(gaps.back())));
        if (births() > counts_.objects)
            d_.not_covered.push_back(
                fmt::format("{} of {} that were born while no slot was free, or at the end",
                            objects(births() - counts_.objects), births()));
    }

    void add_functions() {
        using Entry = std::pair<const std::string, ObjectTally::FunctionTotals>;
        std::vector<const Entry*> all;
        all.reserve(tally_.functions().size());
        for (const Entry& entry : tally_.functions()) all.push_back(&entry);
        std::stable_sort(all.begin(), all.end(), [](const Entry* a, const Entry* b) {
            return a->second.gets + a->second.puts > b->second.gets + b->second.puts;
        });
        if (all.size() > most_functions_shown) all.resize(most_functions_shown);
        for (const Entry* entry : all) {
            const ObjectTally::FunctionTotals& totals = entry->second;
            Evidence evidence;
            evidence.kind = "function";
            const std::uint64_t left = open_in_kept(entry->first);
            evidence.says = fmt::format("{}: {} gets, {} puts in {}", describe(totals.decider), totals.gets,
                                        totals.puts, objects(totals.objects));
            if (left != 0)
                evidence.says += fmt::format("; references left in {} that live on", objects(left));
            evidence.hits = totals.hits;
            evidence.facts = {{"function", totals.decider.symbol},
                              {"gets", totals.gets},
                              {"puts", totals.puts},
                              {"objects", totals.objects},
                              {"left_in", left}};
            add_stacks(evidence, totals.sample);
            d_.evidence.push_back(std::move(evidence));
        }
    }

    [[nodiscard]] std::uint64_t open_in_kept(const std::string& function) const {
        return static_cast<std::uint64_t>(
            std::count_if(tally_.kept().begin(), tally_.kept().end(),
                          [&](const ObjectTally::Kept& kept) { return kept.open.contains(function); }));
    }

    AllOfRecipe& r_;
    const ObjectTally& tally_;
    const ObjectTally::Counts& counts_;
    Diagnosis d_;
};

Diagnosis AllOfRecipe::conclude() { return AllOfVerdict(*this).make(); }

} // namespace stakeout
