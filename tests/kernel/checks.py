"""What must hold for every watch, whatever it saw."""

from __future__ import annotations

from actor import Actor
from stakeout_run import Record, Watch

Counts = dict[str, int]


def all_counted(watch: Watch, unseen_allowed: bool = False) -> list[Record]:
    """After the end: every hit has a record, `seq` is 1, 2, 3 ... and nothing was lost or left out. The hits."""
    hits, summary = watch.hits(), watch.summary
    assert not watch.lines, watch.lines[:5]
    assert [hit["seq"] for hit in hits] == list(range(1, len(hits) + 1))
    assert summary["hits"] == summary["records"] + summary["lost"]
    assert (summary["hits"], summary["lost"]) == (len(hits), 0)
    assert unseen_allowed or summary["unseen"] == 0, summary
    return hits


def chained(hits: list[Record], sigtraps: int = 0) -> None:
    """Each hit's old value is the new one before it. An access that came as a SIGTRAP breaks the chain once.

    A hit that could not wait for another CPU's says so ("unordered"): the chain need not hold around it. One whose
    memory could not be read in the exception (the page was just being moved) has no new value to chain.
    """
    loose = {hit["seq"] + step for hit in hits if hit.get("unordered") for step in (-1, 0, 1)}
    assert len(loose) <= 3 + len(hits) // 1000, "hits are in no order"
    breaks = [(a["seq"], a["new"], b["old"]) for a, b in zip(hits, hits[1:])
              if a["new"] is not None and a["new"] != b["old"] and not {a["seq"], b["seq"]} & loose]
    assert len(breaks) <= sigtraps, breaks[:5]


def exactly(watch: Watch, actor: Actor, made: int) -> list[Record]:
    """Ends the watch. It saw exactly the accesses that were made, except those that the hypervisor lost."""
    lost_to_signals = actor.sigtraps()
    assert watch.stop() == 0
    hits = all_counted(watch)
    assert len(hits) == made - lost_to_signals, watch.story(f"{made} accesses, {lost_to_signals} SIGTRAPs")
    chained(hits, lost_to_signals)
    return hits


def judged(watch: Watch, actor: Actor, made: int, shown: list[int] | None, in_kernel: Counts = {}, by_reader: Counts = {}) -> list[Record]:
    """Ends the watch. Of so many accesses those that wrote `shown` were shown (None: to be checked by the caller),
    the others were dropped, so many by each rule. Accesses that the hypervisor lost may be any of them. The hits."""
    lost_to_signals = actor.sigtraps()
    assert watch.stop() == 0
    hits, summary = watch.hits(), watch.summary
    balanced(watch)
    assert summary["hits"] == made - lost_to_signals, watch.story(f"{made} accesses, {lost_to_signals} SIGTRAPs")
    for where, expected in (("dropped_in_kernel", in_kernel), ("dropped_by_reader", by_reader)):
        told = summary.get(where, {})
        assert told.keys() <= expected.keys(), watch.story(f"{where}: {expected} was expected")
        assert all(0 <= number - told.get(rule, 0) <= lost_to_signals for rule, number in expected.items()), summary
    if shown is not None:
        if lost_to_signals:
            assert set(written(hits)) <= set(shown)
        else:
            assert written(hits) == shown
    return hits


def balanced(watch: Watch, losses_allowed: bool = False, in_order: bool = True) -> None:
    """After the end: every hit is a record, lost, or dropped by a rule that the summary names. Those whose follow-up
    decides need not come in order."""
    summary = watch.summary
    in_kernel, by_reader = (sum(summary.get(where, {}).values()) for where in ("dropped_in_kernel", "dropped_by_reader"))
    assert not watch.lines, watch.lines[:5]
    assert summary["hits"] == summary["records"] + summary["lost"] + in_kernel, summary
    assert summary["unseen"] == 0 and (losses_allowed or summary["lost"] == 0), summary
    assert summary["dropped"] == in_kernel + by_reader, summary
    assert len(watch.hits()) == summary["records"] - summary["filtered"] - by_reader, summary
    numbers = [hit["seq"] for hit in watch.hits()]
    assert len(set(numbers)) == len(numbers), "a hit was shown twice"
    assert not in_order or numbers == sorted(numbers), "hits are in no order"


def written(hits: list[Record]) -> list[int]:
    return [int(hit["new"], 16) for hit in hits]


def symbols(stack: list[Record]) -> list[str]:
    return [frame.get("symbol", "") for frame in stack]
