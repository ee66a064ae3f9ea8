// The diagnosis in words and figures. Estimates for all allocations are made of the tracked ones by the share
// of time that was sampled; facts say which is which.
#include "scripts/leak/observation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stakeout {
namespace {

using State = GroupWatching::State;

std::string in_bytes(double bytes) {
    if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
    if (bytes >= 1e6) return fmt::format("{:.1f} MB", bytes / 1e6);
    if (bytes >= 1e3) return fmt::format("{:.1f} kB", bytes / 1e3);
    return fmt::format("{:.0f} bytes", bytes);
}

std::string in_time(double seconds) {
    if (seconds >= 48 * 3600) return fmt::format("{:.0f} days", seconds / 86400);
    if (seconds >= 5400) return fmt::format("{:.1f} hours", seconds / 3600);
    if (seconds >= 90) return fmt::format("{:.0f} minutes", seconds / 60);
    return fmt::format("{:.0f} s", seconds);
}

State state_of(const ObservedGroup& group) {
    return group.watching == nullptr ? State::Unconfirmed : group.watching->state;
}

std::string_view state_word(State state) {
    switch (state) {
    case State::Confirmed:
        return "confirmed";
    case State::InUse:
        return "in_use";
    case State::Unconfirmed:
        break;
    }
    return "unconfirmed";
}

std::string_view what_word(const leak_site& site) {
    switch (site.what) {
    case LEAK_MAP:
        return "mmap";
    case LEAK_KMALLOC:
        return "kmalloc";
    case LEAK_SLAB:
    case LEAK_RECLAIMABLE:
        return "slab";
    case LEAK_PAGES:
        return "pages";
    default:
        return "heap";
    }
}

class Report {
  public:
    Report(const LeakRequest& request, const Observation& seen)
        : request_(request), seen_(seen), user_(request.pid.has_value()) {}

    Diagnosis make() {
        out_.recipe = "leak";
        out_.target = request_.target;
        for (const ObservedGroup& group : seen_.groups) add_group(group);
        add_coverage();
        decide();
        add_exhaustion();
        return std::move(out_);
    }

  private:
    // Of all allocations, from the tracked ones.
    [[nodiscard]] double estimate(std::uint64_t tracked_bytes) const {
        return seen_.exposure > 0 ? static_cast<double>(tracked_bytes) * seen_.seconds / seen_.exposure : 0;
    }
    [[nodiscard]] double per_hour(const ObservedGroup& group) const {
        return group.view.growth.bytes_per_second * 3600;
    }

    [[nodiscard]] std::string name(const ObservedGroup& group) const {
        const Frame* frame = answerable(group.frames, user_);
        return frame == nullptr ? "an unknown function" : describe(*frame);
    }

    [[nodiscard]] const Frame* toucher(const Hit& hit) const {
        const auto& stack = hit.user_mode ? hit.user_stack : hit.kernel_stack;
        return answerable(stack, hit.user_mode);
    }

    Evidence touched_evidence(const WatchedPlace& place) const {
        Evidence evidence;
        evidence.kind = "touch";
        const Hit& hit = *place.touch;
        const Frame* frame = toucher(hit);
        evidence.says = fmt::format(
            "{} ({} bytes) is used: {} of {} (tid {}) touched it at offset {}, {} touches in {:.1f} s",
            fmt::format("{:#x}", place.object.address), place.object.facts.size,
            frame == nullptr ? "somebody" : describe(*frame), hit.comm, hit.tid, place.offset, place.touches,
            place.seconds);
        evidence.facts = {{"address", place.object.address},
                          {"offset", place.offset},
                          {"touches", place.touches},
                          {"function", frame == nullptr ? std::string() : frame->symbol}};
        if (!hit.user_stack.empty() && hit.user_mode)
            evidence.stacks.push_back({"touch", hit.user_stack, true, 0});
        if (!hit.kernel_stack.empty() && !hit.user_mode)
            evidence.stacks.push_back({"touch", hit.kernel_stack, false, 0});
        return evidence;
    }

    static Evidence quiet_evidence(const GroupWatching& watching) {
        Evidence evidence;
        evidence.kind = "untouched";
        std::string places;
        for (const WatchedPlace& place : watching.quiet)
            places +=
                fmt::format("{}{:#x}+{}", places.empty() ? "" : ", ", place.object.address, place.offset);
        evidence.says = fmt::format("nobody read or wrote {} for {:.1f} s each", places,
                                    watching.seconds() / static_cast<double>(watching.quiet.size()));
        evidence.facts = {{"places", std::uint64_t{watching.quiet.size()}}, {"seconds", watching.seconds()}};
        return evidence;
    }

    [[nodiscard]] std::string says(const ObservedGroup& group) const {
        const GroupView& view = group.view;
        std::string text = fmt::format(
            "{} at {}: {} alive in {} objects{}, {} allocations, {} frees, the oldest {:.0f} s old; "
            "grows {} an hour (+- {:.0f} %, trend {:.2f} %)",
            what_word(group.history->site), name(group), in_bytes(static_cast<double>(view.live_bytes)),
            view.live_objects, seen_.sampled_share() < 0.98 ? " tracked" : "",
            group.history->latest.allocations, group.history->latest.frees, view.oldest_seconds,
            in_bytes(per_hour(group)), error_percent(group), view.growth.confidence * 100);
        switch (state_of(group)) {
        case State::Confirmed:
            return text + "; nobody uses them";
        case State::InUse:
            return text + "; they are in use";
        case State::Unconfirmed:
            break;
        }
        return text + "; not confirmed";
    }

    // Half of the slope's 95 % interval, as a share of it.
    static double error_percent(const ObservedGroup& group) {
        const Growth& growth = group.view.growth;
        return growth.bytes_per_second > 0 ? 196 * growth.standard_error / growth.bytes_per_second : 0;
    }

    void add_group(const ObservedGroup& group) {
        const GroupView& view = group.view;
        const leak_group& sums = group.history->latest;
        Evidence evidence;
        evidence.kind = "group";
        evidence.says = says(group);
        const double live = estimate(view.live_bytes);
        evidence.facts = {
            {"state", std::string(state_word(state_of(group)))},
            {"what", std::string(what_word(group.history->site))},
            {"live_bytes", static_cast<std::uint64_t>(live)},
            {"live_objects", static_cast<std::uint64_t>(estimate(view.live_objects))},
            {"allocations", sums.allocations},
            {"frees", sums.frees},
            {"oldest_seconds", view.oldest_seconds},
            {"growth_per_hour", per_hour(group)},
            {"growth_error_percent", error_percent(group)},
            {"growth_confidence", view.growth.confidence},
            {"growth_r2", view.growth.r_squared},
            {"tracked_objects", view.live_objects},
            {"sampled_share", seen_.sampled_share()},
            {"watched_places", std::uint64_t{group.watching == nullptr ? 0 : group.watching->quiet.size()}},
            {"watched_seconds", group.watching == nullptr ? 0.0 : group.watching->seconds()},
        };
        evidence.stacks.push_back(
            {"alloc", group.frames, user_, std::max<std::uint64_t>(1, static_cast<std::uint64_t>(live))});
        if (group.watching != nullptr) {
            if (!group.watching->quiet.empty()) evidence.under.push_back(quiet_evidence(*group.watching));
            for (const WatchedPlace& place : group.watching->touched)
                if (place.touch && evidence.under.size() < 4)
                    evidence.under.push_back(touched_evidence(place));
        }
        out_.evidence.push_back(std::move(evidence));
    }

    void add_coverage() {
        const leak_counters& sums = seen_.counters;
        const double probes_ns =
            static_cast<double>(sums.entries) *
                static_cast<double>(seen_.probe_cost.entry_and_return.count()) +
            static_cast<double>(sums.frees) * static_cast<double>(seen_.probe_cost.entry.count()) +
            static_cast<double>(sums.work_ns);
        const double load = seen_.seconds > 0 ? probes_ns / 1e9 / seen_.seconds : 0;
        out_.covered.kind = "coverage";
        out_.covered.says =
            fmt::format("{:.1f} s observed, allocations in {:.1f} % of that time ({} tracked at {} places), "
                        "all {} frees; about {:.1f} % of "
                        "a CPU; {} rounds of watching with up to {} debug registers; {}",
                        seen_.seconds, seen_.sampled_share() * 100, sums.tracked, seen_.groups_seen,
                        sums.frees, load * 100, seen_.rounds, seen_.slots, seen_.ended);
        out_.covered.facts = {
            {"seconds", seen_.seconds},
            {"sampled_share", seen_.sampled_share()},
            {"tracked", sums.tracked},
            {"frees", sums.frees},
            {"groups", std::uint64_t{seen_.groups_seen}},
            {"not_tracked", sums.full + sums.no_stack},
            {"load", load},
            {"probe_ns", static_cast<std::uint64_t>(seen_.probe_cost.entry.count())},
            {"probe_and_return_ns", static_cast<std::uint64_t>(seen_.probe_cost.entry_and_return.count())},
            {"rounds", std::uint64_t{seen_.rounds}},
            {"slots", std::uint64_t{seen_.slots}},
            {"ended", seen_.ended}};
        if (sums.full != 0)
            out_.not_covered.push_back(
                fmt::format("{} allocations found the tables of {} objects full.", sums.full, +LEAK_OBJECTS));
        if (sums.no_stack != 0)
            out_.not_covered.push_back(
                fmt::format("The stack of {} allocations could not be kept.", sums.no_stack));
        out_.not_covered.emplace_back("What was allocated before the observation began.");
        out_.not_covered.emplace_back(
            "Accesses to places of an object that were not watched, and by devices.");
    }

    [[nodiscard]] const ObservedGroup* first(State state) const {
        for (const ObservedGroup& group : seen_.groups)
            if (state_of(group) == state) return &group;
        return nullptr;
    }

    void accuse(const ObservedGroup& group) {
        const leak_group& sums = group.history->latest;
        Culprit culprit;
        if (const Frame* frame = answerable(group.frames, user_)) {
            culprit.function = frame->symbol;
            culprit.module = frame->module;
            culprit.file = frame->file;
            culprit.line = frame->line;
        }
        culprit.comm = std::string(sums.comm, ::strnlen(sums.comm, sizeof(sums.comm)));
        culprit.pid = sums.pid;
        culprit.tid = sums.tid;
        culprit.why =
            fmt::format("allocates {} an hour that nobody frees or uses", in_bytes(per_hour(group)));
        out_.culprits.push_back(std::move(culprit));
    }

    void decide() {
        if (const ObservedGroup* worst = first(State::Confirmed)) {
            out_.verdict = Verdict::Culprit;
            out_.kind = "leak";
            for (const ObservedGroup& group : seen_.groups)
                if (state_of(group) == State::Confirmed) accuse(group);
            const Culprit& culprit = out_.culprits.front();
            out_.sentence = fmt::format(
                "{} leaks: {} ({}) {}; {} objects were watched for {} s each and never touched", name(*worst),
                culprit.comm, culprit.pid, culprit.why, worst->watching->quiet.size(),
                std::chrono::duration_cast<std::chrono::seconds>(request_.idle).count());
            return;
        }
        if (const ObservedGroup* open = first(State::Unconfirmed)) {
            not_enough(
                "unconfirmed",
                fmt::format("what {} allocates grows by {} an hour and is not freed, but nobody has watched "
                            "long enough that it is not used",
                            name(*open), in_bytes(per_hour(*open))));
            return;
        }
        if (!seen_.whole) {
            not_enough("too_short",
                       fmt::format("after {:.1f} s it is too early to tell: {}", seen_.seconds, seen_.ended));
            return;
        }
        out_.verdict = Verdict::Clean;
        if (const ObservedGroup* used = first(State::InUse)) {
            out_.kind = "in_use";
            out_.sentence = fmt::format("no leak: what {} allocates grows by {} an hour, but it is in use",
                                        name(*used), in_bytes(per_hour(*used)));
            return;
        }
        out_.kind = "no_growth";
        out_.sentence = fmt::format("no leak: nothing that {} allocated in {:.0f} s grew steadily and stayed",
                                    user_ ? "it" : "the kernel", seen_.seconds);
    }

    void not_enough(std::string kind, std::string sentence) {
        out_.verdict = Verdict::NotEnough;
        out_.kind = std::move(kind);
        out_.sentence = std::move(sentence);
        if (!seen_.watch_refused.empty()) {
            out_.not_covered.push_back("No object could be watched: " + seen_.watch_refused + ".");
            out_.next.emplace_back("stakeout slots");
        }
        if (seen_.program_gone)
            out_.next.emplace_back("run it longer, or give a shorter --for and --idle");
        else
            out_.next.emplace_back(fmt::format("stakeout diagnose leak {} --for 5m --ttl 30m",
                                               user_ ? fmt::format("--pid {}", *request_.pid) : "--kernel"));
    }

    void add_exhaustion() {
        double bytes_per_second = 0;
        for (const ObservedGroup& group : seen_.groups)
            if (state_of(group) != State::InUse) bytes_per_second += group.view.growth.bytes_per_second;
        if (!seen_.limit || bytes_per_second <= 0) return;
        const double seconds = static_cast<double>(seen_.limit->bytes_left) / bytes_per_second;
        Evidence evidence;
        evidence.kind = "exhaustion";
        evidence.says = fmt::format("at this pace {} is exhausted in {}: {} are left", seen_.limit->name,
                                    in_time(seconds), in_bytes(static_cast<double>(seen_.limit->bytes_left)));
        evidence.facts = {
            {"limit", seen_.limit->name}, {"bytes_left", seen_.limit->bytes_left}, {"seconds", seconds}};
        out_.evidence.push_back(std::move(evidence));
    }

    const LeakRequest& request_;
    const Observation& seen_;
    const bool user_;
    Diagnosis out_;
};

} // namespace

Diagnosis report_leak(const LeakRequest& request, const Observation& observation) {
    return Report(request, observation).make();
}

} // namespace stakeout
