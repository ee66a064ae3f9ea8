"""Follow-ups and their hits, as a watch told of them."""

from __future__ import annotations

from stakeout_run import Record, Watch


def counts(watch: Watch) -> Record:
    """Of the follow-ups, after the end: every hit that deferred was followed up, or counted by what became of it."""
    told: Record = watch.summary["followups"]
    assert told["deferred"] == told["followed"] + told["missed"] + told["unfinished"], told
    return told


def pairs(watch: Watch, delay: int, late_ns: int = 90_000_000) -> list[tuple[Record, Record]]:
    """Hits with their follow-ups, each of which must be its hit's, and not come too early.

    One that comes more than a tenth of a second late (on a machine that is busy, softirqs wait) is shown by itself, and
    one whose hit was lost is, too; all others must be where their hits are, however far the reader is behind. `late_ns`: the
    least that one by itself is late; an emulated CPU may stand still between a follow-up's time and its record.
    """
    alone = {look["hit"]: look for look in watch.of_type("followup")}
    assert len(alone) == len(watch.of_type("followup")), "a follow-up was told twice"
    found = []
    for hit in watch.hits():
        late = alone.get(hit["seq"])
        assert late is None or "followup" not in hit and late["time_ns"] - late["due_ns"] > late_ns
        if look := hit.get("followup", late):
            found.append((hit, look))
    for hit, look in found:
        assert look["fields"]["hit"] == hit["fields"]["hit"] == hit["seq"]
        assert look["due_ns"] == hit["time_ns"] + 1000 * delay <= look["time_ns"]
    return found
