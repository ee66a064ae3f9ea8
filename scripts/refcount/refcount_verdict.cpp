// From the ledger to the diagnosis. Proof comes first: a counter below zero or saturated has had more puts
// than gets, one that rose from zero belonged to a dead object. Without such a step only drift tells:
// references of one function that stay open, again and again, while the traffic goes on.
#include "scripts/diagnosis/coverage_evidence.h"
#include "scripts/diagnosis/words.h"
#include "scripts/refcount/refcount_recipe.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::uint64_t leaks_that_prove = 3;

} // namespace

class RefcountVerdict {
  public:
    explicit RefcountVerdict(RefcountRecipe& recipe) : r_(recipe) { r_.pairing_.settle(); }

    Diagnosis make() {
        d_.recipe = "refcount";
        d_.target = r_.armed_.targets.empty() ? "" : r_.armed_.targets.front().name;
        d_.covered = coverage_evidence(r_.armed_, r_.summary_);
        d_.not_covered = coverage_gaps(r_.armed_, r_.summary_);
        if (r_.beyond_ + r_.pairing_.forgotten() != 0)
            d_.not_covered.push_back(
                fmt::format("{} steps found no room in the ledger", r_.beyond_ + r_.pairing_.forgotten()));
        count_open();
        if (!from_zero() && !too_many_puts() && !too_few_puts()) sound();
        add_broken();
        add_ledger();
        return std::move(d_);
    }

  private:
    struct Open {
        std::uint64_t gets = 0, puts = 0;
        std::uint64_t lost = 0;   // gets that are open for longer than the function ever held one
        std::uint64_t thirds = 0; // of the observation in which such gets were made, a bit each
        std::vector<std::uint64_t> hits;
    };

    void count_open() {
        const std::uint64_t span = std::max<std::uint64_t>(1, r_.last_ns_ - r_.first_ns_);
        for (const Pairing::Event& get : r_.pairing_.open_gets()) {
            Open& open = open_[get.function];
            ++open.gets;
            const std::uint64_t usual = usual_hold_ns(r_.pairing_.longest_hold_ns(get.function));
            // In a short run nothing is old; then that all others were given back has to do.
            if (r_.last_ns_ - get.time_ns < std::min(usual, span / 4)) continue;
            ++open.lost;
            open.thirds |= 1U << std::min<std::uint64_t>(2, 3 * (get.time_ns - r_.first_ns_) / span);
            if (open.hits.size() < 8) open.hits.push_back(get.hit);
        }
        for (const Pairing::Event& put : r_.pairing_.open_puts()) {
            Open& open = open_[put.function];
            ++open.puts;
            if (open.hits.size() < 8) open.hits.push_back(put.hit);
        }
    }

    [[nodiscard]] const PathLedger* path_of(const std::string& function, bool by_gets) const {
        const PathLedger* best = nullptr;
        for (const auto& [stack, path] : r_.paths_) {
            if (path.path.key != function) continue;
            const std::uint64_t weight = by_gets ? path.gets : path.puts;
            if (weight != 0 && (best == nullptr || weight > (by_gets ? best->gets : best->puts)))
                best = &path;
        }
        return best;
    }

    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> totals(const std::string& function) const {
        std::pair<std::uint64_t, std::uint64_t> sum{0, 0};
        for (const auto& [stack, path] : r_.paths_)
            if (path.path.key == function) {
                sum.first += path.gets;
                sum.second += path.puts;
            }
        return sum;
    }

    // ---- findings ----

    bool from_zero() {
        const auto found = r_.broken_.begin();
        // A count that also goes below zero has too many puts, and zero is a consequence of these.
        const bool only_that =
            std::all_of(r_.broken_.begin(), r_.broken_.end(),
                        [](const BrokenStep& broken) { return broken.kind == BrokenStep::Kind::FromZero; });
        if (found == r_.broken_.end() || !only_that) return false;
        const ReferencePath path = reference_path(found->sample);
        d_.verdict = Verdict::Culprit;
        d_.kind = "resurrection";
        d_.culprits.push_back(
            culprit_at(path.decider, found->sample, "took a reference to an object whose count was zero"));
        d_.sentence = fmt::format(
            "{} in {} took a reference of {} when it was zero: the object's life was over, and it "
            "is used after its end",
            describe(path.decider), task_in_words(found->sample), d_.target);
        return true;
    }

    // Below zero, or saturated: more puts than gets. The function with the most puts that nothing pairs with.
    bool too_many_puts() {
        const auto found = std::find_if(r_.broken_.begin(), r_.broken_.end(), [](const BrokenStep& b) {
            return b.kind != BrokenStep::Kind::FromZero;
        });
        if (found == r_.broken_.end()) return false;
        std::string function = found->function;
        std::uint64_t most = 0;
        for (const auto& [name, open] : open_)
            if (open.puts > most || (open.puts == most && name == found->function && most != 0)) {
                most = open.puts;
                function = name;
            }
        const PathLedger* path = path_of(function, false);
        const auto [gets, puts] = totals(function);
        const Hit& sample = path != nullptr ? path->sample : found->sample;
        const Frame decider = path != nullptr ? path->path.decider : reference_path(found->sample).decider;
        d_.verdict = Verdict::Culprit;
        d_.kind = found->kind == BrokenStep::Kind::Saturated ? "saturated" : "extra_put";
        d_.culprits.push_back(culprit_at(decider, sample,
                                         fmt::format("gave back {} more than it or another had taken",
                                                     most == 0 ? "one" : std::to_string(most))));
        d_.sentence = fmt::format(
            "{} in {} gives back references of {} that nobody took ({} gets, {} puts): the count went "
            "from {} to {} at hit #{}; the object is freed while others use it",
            describe(decider), task_in_words(sample), d_.target, gets, puts, found->step.from, found->step.to,
            found->hit);
        return true;
    }

    bool too_few_puts() {
        const bool handed_over = handed_over_grows();
        std::vector<std::pair<std::string, Open>> leaking;
        for (const auto& [name, open] : open_)
            if (proves(open) || (open.gets >= leaks_that_prove && handed_over))
                leaking.emplace_back(name, open);
        // What was not seen may have been puts.
        const std::uint64_t missed = r_.summary_.lost + r_.summary_.unseen;
        std::erase_if(leaking, [&](const auto& one) {
            return r_.summary_.braked != 0 || std::max(one.second.lost, one.second.gets) <= 2 * missed;
        });
        if (leaking.empty() || !r_.first_ || !r_.last_ || *r_.last_ <= *r_.first_) return false;
        std::sort(leaking.begin(), leaking.end(),
                  [](const auto& a, const auto& b) { return a.second.gets > b.second.gets; });
        for (const auto& [name, open] : leaking) {
            const PathLedger* path = path_of(name, true);
            if (path == nullptr) continue;
            const auto [gets, puts] = totals(name);
            d_.culprits.push_back(culprit_at(
                path->path.decider, path->sample,
                fmt::format("took {} references, of which {} were never given back", gets, open.gets)));
        }
        if (d_.culprits.empty()) return false;
        const auto& [name, open] = leaking.front();
        const PathLedger* path = path_of(name, true);
        const auto [gets, puts] = totals(name);
        d_.verdict = Verdict::Culprit;
        d_.kind = "missing_put";
        d_.sentence = fmt::format(
            "{} in {} takes references of {} that are not given back: {} of {} gets have no put, the "
            "count went from {} to {}",
            describe(path->path.decider), task_in_words(path->sample), d_.target, open.gets, gets, *r_.first_,
            *r_.last_);
        Evidence evidence;
        evidence.kind = "open_gets";
        evidence.says =
            !proves(open_[name])
                ? "fewer references are given back by other tasks than are handed to them, in each third of "
                  "the time"
                : fmt::format(
                      "gets without a put, open for longer than those that were given back ({:.6f} s)",
                      static_cast<double>(r_.pairing_.longest_hold_ns(name)) / 1e9);
        evidence.hits = open.hits;
        evidence.facts = {{"open", open.gets}, {"lost", open.lost}};
        d_.evidence.push_back(std::move(evidence));
        return true;
    }

    // References that other tasks give back are paired in order, which leaves the latest open; so it is told
    // by how many were on their way at the least, in each third of the time.
    [[nodiscard]] bool handed_over_grows() const {
        const auto least = r_.pairing_.least_handed_over(r_.first_ns_, r_.last_ns_);
        return r_.pairing_.handed_over() != 0 && least[0] < least[1] && least[1] < least[2] &&
               least[2] >= static_cast<std::int64_t>(leaks_that_prove);
    }

    static bool proves(const Open& open) { return open.lost >= leaks_that_prove && spread(open); }

    // In two thirds of the time at least: once is a reference that somebody keeps.
    static bool spread(const Open& open) { return (open.thirds & (open.thirds - 1)) != 0; }

    void sound() {
        const bool whole = covered_everything(r_.armed_, r_.summary_) && r_.unclear_ == 0;
        std::uint64_t open_gets = 0;
        std::uint64_t open_puts = 0;
        for (const auto& [name, open] : open_) {
            open_gets += open.gets;
            open_puts += open.puts;
        }
        const std::string counts = fmt::format("{} gets and {} puts of {}", r_.gets_, r_.puts_, d_.target);
        if (r_.gets_ + r_.puts_ == 0) {
            d_.sentence = fmt::format("{} did not change: there is nothing to compare", d_.target);
            d_.next.emplace_back("let the traffic come that drifts, or watch longer: --ttl 1h");
            return;
        }
        if (!whole) {
            d_.sentence =
                counts + " were seen, but not everything was watched: what seems unpaired may be paired";
            d_.next.emplace_back("watch everything: --no-brake (may take most of a CPU)");
            return;
        }
        if (open_gets == 0 && open_puts == 0) {
            d_.verdict = Verdict::Clean;
            d_.sentence = counts + " match";
            return;
        }
        // What was held before is given back, what is held now was taken: no drift as long as it does not
        // grow.
        const auto initial = static_cast<std::uint64_t>(std::max<std::int64_t>(0, r_.first_.value_or(0)));
        if (open_puts <= initial && open_gets < leaks_that_prove) {
            d_.verdict = Verdict::Clean;
            d_.sentence = fmt::format(
                "{}; {} references are held at the end, {} that were held at the beginning were given "
                "back: no path drifts",
                counts, open_gets, open_puts);
            return;
        }
        d_.sentence =
            fmt::format("{}; {} gets have no put yet and {} puts had no get, not enough to tell drift from "
                        "references that are held",
                        counts, open_gets, open_puts);
        d_.next.emplace_back("watch longer, until the count has drifted further: --ttl 1h");
    }

    // ---- evidence ----

    void add_broken() {
        for (const BrokenStep& broken : r_.broken_) {
            Evidence evidence;
            evidence.kind = broken.kind == BrokenStep::Kind::FromZero    ? "from_zero"
                            : broken.kind == BrokenStep::Kind::Saturated ? "saturated"
                                                                         : "below_zero";
            evidence.says =
                fmt::format("{}: {} -> {}, in {}",
                            evidence.kind == "from_zero"   ? "a get found zero"
                            : evidence.kind == "saturated" ? "refcount_t gave the counter up (saturated)"
                                                           : "the counter went below zero",
                            broken.step.from, broken.step.to, task_in_words(broken.sample));
            evidence.hits = {broken.hit};
            add_stacks(evidence, broken.sample);
            d_.evidence.push_back(std::move(evidence));
        }
    }

    void add_ledger() {
        std::vector<const PathLedger*> paths;
        paths.reserve(r_.paths_.size());
        for (const auto& [stack, path] : r_.paths_) paths.push_back(&path);
        const auto drift = [](const PathLedger* p) {
            return p->gets > p->puts ? p->gets - p->puts : p->puts - p->gets;
        };
        std::stable_sort(paths.begin(), paths.end(),
                         [&](const PathLedger* a, const PathLedger* b) { return drift(a) > drift(b); });
        for (const PathLedger* path : paths) {
            Evidence evidence;
            evidence.kind = "path";
            const auto net = static_cast<std::int64_t>(path->gets) - static_cast<std::int64_t>(path->puts);
            evidence.says = fmt::format("{}: {} gets, {} puts, net {:+}", describe(path->path.decider),
                                        path->gets, path->puts, net);
            for (const std::string& task : path->tasks)
                evidence.says += (&task == &*path->tasks.begin() ? "; in " : ", ") + task;
            evidence.hits = path->hits;
            evidence.facts = {{"function", path->path.decider.symbol},
                              {"gets", path->gets},
                              {"puts", path->puts},
                              {"net", net}};
            add_stacks(evidence, path->sample);
            d_.evidence.push_back(std::move(evidence));
        }
        for (const auto& [who, count] : r_.pairing_.pairs()) {
            const auto name = [](const std::string& key) { return key.substr(key.rfind(':') + 1); };
            d_.evidence.push_back({"pair",
                                   fmt::format("taken by {} and given back by {} {}", name(who.first),
                                               name(who.second), times_in_words(count)),
                                   {},
                                   {{"get", name(who.first)}, {"put", name(who.second)}, {"times", count}},
                                   {},
                                   {},
                                   {}});
        }
        if (r_.failed_ != 0)
            d_.evidence.push_back(
                {"no_step",
                 fmt::format("{} writes left the count as it was (a compare-and-exchange that failed)",
                             r_.failed_),
                 {},
                 {{"count", r_.failed_}},
                 {},
                 {},
                 {}});
        if (r_.lives_ != 0)
            d_.evidence.push_back(
                {"lives",
                 fmt::format("the count was set anew {}: each time a new life of the object began",
                             times_in_words(r_.lives_)),
                 {},
                 {{"count", r_.lives_}},
                 {},
                 {},
                 {}});
    }

    RefcountRecipe& r_;
    Diagnosis d_;
    std::map<std::string, Open> open_;
};

Diagnosis RefcountRecipe::conclude() { return RefcountVerdict(*this).make(); }

} // namespace stakeout
