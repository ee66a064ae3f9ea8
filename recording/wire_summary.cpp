#include "recording/wire.h"

namespace stakeout {
namespace {

static_assert(static_cast<int>(EndedBy::TimeToLive) == Recording_Summary_EndedBy_TIME_TO_LIVE &&
              static_cast<int>(EndedBy::Count) == Recording_Summary_EndedBy_COUNT &&
              static_cast<int>(EndedBy::User) == Recording_Summary_EndedBy_USER &&
              static_cast<int>(EndedBy::Target) == Recording_Summary_EndedBy_TARGET &&
              static_cast<int>(EndedBy::Script) == Recording_Summary_EndedBy_SCRIPT &&
              static_cast<int>(EndedBy::Listener) == Recording_Summary_EndedBy_LISTENER &&
              static_cast<int>(EndedBy::OutputClosed) == Recording_Summary_EndedBy_OUTPUT_CLOSED &&
              static_cast<int>(EndedBy::Failure) == Recording_Summary_EndedBy_FAILURE);

void to_wire(const Dropped& dropped, Recording_Summary_Dropped& wire) {
    wire.set_changed(dropped.changed);
    wire.set_from(dropped.from);
    wire.set_comm(dropped.comm);
    wire.set_when(dropped.when);
    wire.set_script(dropped.script);
    wire.set_reader_comm(dropped.reader_comm);
    wire.set_reader_stack(dropped.reader_stack);
    wire.set_reader_when(dropped.reader_when);
    wire.set_follow_up(dropped.follow_up);
}

Dropped from_wire(const Recording_Summary_Dropped& wire) {
    return {.changed = wire.changed(),
            .from = wire.from(),
            .comm = wire.comm(),
            .when = wire.when(),
            .script = wire.script(),
            .reader_comm = wire.reader_comm(),
            .reader_stack = wire.reader_stack(),
            .reader_when = wire.reader_when(),
            .follow_up = wire.follow_up()};
}

void to_wire(const HitProgram::FollowUpCounts& counts, Recording_Summary_FollowUps& wire) {
    wire.set_deferred(counts.deferred);
    wire.set_missed(counts.missed);
    wire.set_followed(counts.followed);
    wire.set_unsent(counts.unsent);
    wire.set_waiting(counts.waiting);
    wire.set_task_missed(counts.task_missed);
    wire.set_task_looks(counts.task_looks);
}

HitProgram::FollowUpCounts from_wire(const Recording_Summary_FollowUps& wire) {
    return {.deferred = wire.deferred(),
            .missed = wire.missed(),
            .followed = wire.followed(),
            .unsent = wire.unsent(),
            .waiting = wire.waiting(),
            .task_missed = wire.task_missed(),
            .task_looks = wire.task_looks()};
}

} // namespace

void to_wire(const Summary& summary, Recording_Summary& wire) {
    wire.set_watch(summary.watch);
    wire.set_ended_by(static_cast<Recording_Summary_EndedBy>(summary.ended_by));
    wire.set_reason(summary.reason);
    wire.set_hits(summary.hits);
    wire.set_records(summary.records);
    wire.set_lost(summary.lost);
    wire.set_unseen(summary.unseen);
    wire.set_joined(summary.joined);
    wire.set_foreign(summary.foreign);
    wire.set_late(summary.late);
    wire.set_filtered(summary.filtered);
    to_wire(summary.dropped, *wire.mutable_dropped());
    to_wire(summary.follow_ups, *wire.mutable_follow_ups());
    wire.set_script_skipped(summary.script_skipped);
    wire.set_braked(summary.braked);
    wire.set_braked_ns(summary.braked_ns);
    wire.set_duration_ns(summary.duration_ns);
    if (!summary.guest) return;
    wire.mutable_guest()->set_outside(summary.guest->outside);
    wire.mutable_guest()->set_paused_ns(summary.guest->paused_ns);
    wire.mutable_guest()->set_lost_at_most(summary.guest->lost_at_most);
}

std::optional<Summary> from_wire(const Recording_Summary& wire) {
    if (!Recording_Summary_EndedBy_IsValid(wire.ended_by())) return std::nullopt;
    Summary summary{.watch = wire.watch(),
                    .ended_by = static_cast<EndedBy>(wire.ended_by()),
                    .reason = wire.reason(),
                    .hits = wire.hits(),
                    .records = wire.records(),
                    .lost = wire.lost(),
                    .unseen = wire.unseen(),
                    .joined = wire.joined(),
                    .foreign = wire.foreign(),
                    .late = wire.late(),
                    .filtered = wire.filtered(),
                    .dropped = from_wire(wire.dropped()),
                    .follow_ups = from_wire(wire.follow_ups()),
                    .script_skipped = wire.script_skipped(),
                    .braked = wire.braked(),
                    .braked_ns = wire.braked_ns(),
                    .duration_ns = wire.duration_ns(),
                    .guest = std::nullopt};
    if (wire.has_guest())
        summary.guest =
            Summary::Guest{wire.guest().outside(), wire.guest().paused_ns(), wire.guest().lost_at_most()};
    return summary;
}

} // namespace stakeout
