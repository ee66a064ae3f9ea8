"""Follow-ups: when and where they run, that each belongs to its hit, and that none goes missing unseen."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

import kernel_state
from actor import Actor
from checks import balanced, judged, written
from followups import counts, pairs
from scripts import NothingLeft, of_actor
from stakeout_run import wait_until

# preempt_count's fields (include/linux/preempt.h), the same since Linux 5.0
SOFTIRQ_BIT, SOFTIRQ_BITS, HARDIRQ_BITS, NMI_BITS = 0x100, 0x00FF00, 0x0F0000, 0xF00000
WAYS = ["on-demand", "periodic", "softirq"]


class OnCpu:
    """A context manager: the actor runs there only."""

    def __init__(self, actor: Actor, cpu: int) -> None:
        self._actor, self._cpu, self._before = actor, cpu, os.sched_getaffinity(actor.pid)

    def __enter__(self) -> None:
        if self._cpu not in self._before:
            pytest.skip(f"there is no CPU {self._cpu} for the actor")
        os.sched_setaffinity(self._actor.pid, {self._cpu})

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(self._actor.pid, self._before)


@pytest.mark.parametrize("cpu", [0, 1])
@pytest.mark.parametrize("delay", [0, 500, 20_000])
def test_delays_on_both_cpus(actor: Actor, delay: int, cpu: int) -> None:
    with OnCpu(actor, cpu), of_actor(actor, "followup.c", delay=delay) as watch:
        armed = watch.wait_armed()
        for _ in range(5):
            actor.do("w8 0 8")
        hits = judged(watch, actor, 40, None)
    assert armed["followup_way"] == "on-demand" and armed["followup_pinned"]
    followed = pairs(watch, delay)
    assert len(followed) == len(hits) == counts(watch)["followed"]
    for hit, look in followed:
        assert hit["deferred"] and hit["cpu"] == hit["fields"]["cpu"] == cpu
        assert look["cpu"] == look["fields"]["cpu"] == cpu


@pytest.mark.parametrize("way", ["on-demand", "periodic"])
@pytest.mark.parametrize("delay", [0, 500, 20_000])
def test_pairing_under_a_hot_writer(actor: Actor, delay: int, way: str) -> None:
    """Two CPUs write as fast as they can; whatever is followed up, it is the right hit."""
    with of_actor(actor, "followup.c", "--followup", way, delay=delay) as watch:
        watch.wait_armed()
        actor.do("loops 2")
        watch.wait_hits(1000)
        actor.do("stop")
        assert watch.stop() == 0
    balanced(watch, losses_allowed=True)  # the machine has to write, to look and to print all at once
    told, hits, lost = counts(watch), watch.hits(), watch.summary["lost"]
    assert told["deferred"] == watch.summary["hits"]
    assert 0 <= told["missed"] - sum(hit.get("followup_missed", False) for hit in hits) <= lost
    assert all(hit.get("deferred", False) != hit.get("followup_missed", False) for hit in hits)
    followed, shown = pairs(watch, delay), {hit["seq"] for hit in hits}
    of_lost = [look for look in watch.of_type("followup") if look["hit"] not in shown]
    assert all(look["fields"]["hit"] == look["hit"] for look in of_lost) and len(of_lost) <= lost
    assert len(followed) + len(of_lost) + told["unsent"] == told["followed"] > 0
    assert sum(hit.get("deferred", False) for hit in hits) - len(followed) <= told["unsent"] + told["unfinished"]
    assert all(look["cpu"] == hit["cpu"] for hit, look in followed)
    assert {hit["cpu"] for hit in hits} == set(os.sched_getaffinity(0)) & {0, 1}


def per_cpu_offsets() -> tuple[int, int]:
    """Where `runqueues` and the preempt count stand in the per-CPU area, by the kernel's BTF."""
    dumped = json.loads(subprocess.run(["bpftool", "-j", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"],
                                       capture_output=True, check=True).stdout)["types"]
    names = {one["id"]: one["name"] for one in dumped if one["kind"] == "VAR"}
    section = next((one for one in dumped if one["kind"] == "DATASEC" and one["name"] == ".data..percpu"), None)
    if section is None:
        pytest.skip("the kernel's BTF has no per-CPU variables")
    offsets = {names[one["type_id"]]: one["offset"] for one in section["vars"] if one["type_id"] in names}
    if "__preempt_count" in offsets:
        return offsets["runqueues"], offsets["__preempt_count"]
    pytest.skip("the preempt count is no variable of its own in this kernel's BTF")


@pytest.fixture(scope="module")
def offsets() -> tuple[int, int]:
    return per_cpu_offsets()


@pytest.mark.parametrize("way", WAYS)
def test_context_is_a_softirq(actor: Actor, offsets: tuple[int, int], way: str) -> None:
    runqueue, preempt_count = offsets
    with of_actor(actor, "followup.c", "--followup", way, runqueue_offset=runqueue, preempt_count_offset=preempt_count) as watch:
        assert watch.wait_armed()["followup_way"] == way
        actor.do("w8 0 20")
        actor.do("pipe 0 8 5")
        watch.wait_hits(25 - actor.sigtraps())
        assert watch.stop() == 0
    balanced(watch)
    counts(watch)
    looks = [hit["followup"] for hit in watch.hits() if "followup" in hit] + watch.of_type("followup")
    assert looks, "no follow-up came"
    for look in looks:
        count = look["fields"]["preempt_count"] & 0x7FFFFFFF  # the top bit says that no rescheduling is needed
        assert count & SOFTIRQ_BITS == SOFTIRQ_BIT, f"{count:#x}"
        assert not count & (HARDIRQ_BITS | NMI_BITS), f"{count:#x}"
    # And the number is what it is said to be: in an exception that came from user mode nothing is counted, the kernel's
    # own accesses are like an NMI.
    for hit in watch.hits():
        count = hit["fields"]["preempt_count"] & 0x7FFFFFFF
        assert bool(count & NMI_BITS) == (hit["mode"] == "kernel") and not count & SOFTIRQ_BITS, f"{hit['mode']} {count:#x}"
    assert {hit["mode"] for hit in watch.hits()} == {"user", "kernel"}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_queue_has_no_room_for_is_counted(actor: Actor, way: str) -> None:
    with OnCpu(actor, 0), of_actor(actor, "followup.c", "--no-brake", "--followup", way, delay=20_000) as watch:
        watch.wait_armed()
        actor.do("w8 0 3000")
        hits = judged(watch, actor, 3000, None)
    told = counts(watch)
    assert told["deferred"] == len(hits)
    assert told["missed"] == sum(hit.get("followup_missed", False) for hit in hits) > 0
    assert not any(hit.get("followup_missed") and ("followup" in hit or "deferred" in hit) for hit in hits)
    pairs(watch, 20_000)


def test_undecided_hits(actor: Actor) -> None:
    with of_actor(actor, "decide_later.c") as watch:
        watch.wait_armed()
        hits = judged(watch, actor, actor.do("w8 0 20"), list(range(1, 21, 2)), by_reader={"followup": 10})
    assert [hit["followup"]["fields"]["seen"] for hit in hits] == written(hits)
    assert counts(watch)["followed"] == watch.summary["hits"]


def test_undecided_hits_that_wait_long(actor: Actor) -> None:
    """They do not hold up those behind them, and are shown when it is decided."""
    with of_actor(actor, "decide_later.c", delay=400_000) as watch:
        watch.wait_armed()
        actor.do("w8 0 6")
        watch.wait_hits(3 - actor.sigtraps())
        hits = judged(watch, actor, 6, [1, 3, 5], by_reader={"followup": 3})
    assert all(hit["followup"]["time_ns"] - hit["time_ns"] >= 400_000_000 for hit in hits)


def test_undecided_hits_under_a_hot_writer(actor: Actor) -> None:
    with of_actor(actor, "decide_later.c", delay=100) as watch:
        watch.wait_armed()
        actor.do("loops 2")
        watch.wait_hits(1000)
        actor.do("stop")
        assert watch.stop() == 0
    balanced(watch, losses_allowed=True, in_order=False)
    told = counts(watch)
    decided = [hit for hit in watch.hits() if "followup" in hit]
    assert decided
    for hit in decided:
        assert hit["followup"]["fields"]["seen"] == int(hit["new"], 16) and int(hit["new"], 16) & 1
    # What could not be followed up is shown: nobody has decided against it. So is what was, but a second too late.
    not_decided = [hit for hit in watch.hits() if "followup" not in hit and not hit.get("followup_missed")]
    late = [look for look in watch.of_type("followup") if look["time_ns"] - look["due_ns"] > 900_000_000]
    assert len(not_decided) <= told["unfinished"] + told["unsent"] + watch.summary["records"] * bool(late), not_decided[:2]


def test_followups_of_hits_that_are_dropped(actor: Actor) -> None:
    with of_actor(actor, "decide_later.c", hide_hit=1) as watch:
        watch.wait_armed()
        actor.do("w8 0 10")
        looks = watch.wait_records("followup", 5 - actor.sigtraps())
        judged(watch, actor, 10, [], in_kernel={"script": 10})
    assert all(look["hit_dropped"] and look["fields"]["seen"] & 1 for look in looks)
    assert actor.sigtraps() or [look["hit"] for look in looks] == [1, 3, 5, 7, 9]


def test_late_followup_comes_by_itself(actor: Actor) -> None:
    with of_actor(actor, "followup.c", delay=2_000_000) as watch:
        watch.wait_armed()
        actor.do("w8 0 2")
        hits = watch.wait_hits(2 - actor.sigtraps())
        assert not watch.of_type("followup"), "the hit did not wait for it"
        looks = watch.wait_records("followup", len(hits))
        assert watch.stop() == 0
    assert [look["hit"] for look in looks] == [hit["seq"] for hit in hits] == [look["fields"]["hit"] for look in looks]
    for hit, look in zip(hits, looks, strict=True):
        assert hit["deferred"] and "followup" not in hit and "hit_dropped" not in look
        assert look["time_ns"] >= look["due_ns"] == hit["time_ns"] + 2_000_000_000
    assert counts(watch)["followed"] == len(hits)


def test_what_is_pending_at_the_end_is_counted(actor: Actor) -> None:
    with of_actor(actor, "followup.c", delay=10_000_000) as watch:
        watch.wait_armed()
        actor.do("w8 0 7")
        judged(watch, actor, 7, list(range(1, 8)))
    assert counts(watch)["unfinished"] == watch.summary["hits"]
    assert not watch.of_type("followup")


def test_undecided_at_the_end_is_shown(actor: Actor) -> None:
    with of_actor(actor, "decide_later.c", delay=10_000_000) as watch:
        watch.wait_armed()
        actor.do("w8 0 4")
        judged(watch, actor, 4, [1, 2, 3, 4])
    assert counts(watch)["unfinished"] == watch.summary["hits"]


@pytest.mark.parametrize("delay", [0, 20_000, 10_000_000])
def test_killed_in_between(actor: Actor, delay: int) -> None:
    with NothingLeft():
        with of_actor(actor, "followup.c", "--no-brake", delay=delay) as watch:
            watch.wait_armed()
            actor.do("loops 2")
            watch.wait_hits(200)
            watch.kill()
            wait_until(kernel_state.all_slots_free, "the slots are free")
        reached = actor.do("progress")
        wait_until(lambda: actor.do("progress") > reached, "the actor goes on")
        actor.do("stop")


def test_wrong_way(actor: Actor) -> None:
    with NothingLeft(), of_actor(actor, "followup.c", "--followup", "tasklet") as watch:
        assert watch.wait_exit() == 2
    assert "softirq" in watch.stderr
