"""Kernel symbols. This machine's kernel may hide data symbols: these resolve all the same."""

from __future__ import annotations

import os

import kernel_state
from actor import Actor
from checks import all_counted, chained, written
from stakeout_run import Watch, wait_until

KERNEL_HALF = 1 << 63


def test_jiffies() -> None:
    with Watch("--symbol", "jiffies_64", "--rw", "--count", "40") as watch:
        target = watch.wait_armed()["targets"][0]
        assert watch.wait_exit() == 0
    assert (target["width"], watch.armed["access"], len(watch.armed["slots"])) == (8, "rw", 1)
    assert int(target["address"], 16) >= KERNEL_HALF
    # Programs in the kernel read jiffies too, some where no other program may run: those reads are `unseen`.
    hits = all_counted(watch, unseen_allowed=True)
    assert len(hits) == 40 and watch.summary["ended_by"] == "count"
    chained(hits)
    assert {hit["access"] for hit in hits} <= {"read", "write"}
    assert {hit["mode"] for hit in hits} == {"kernel"}
    assert all(hit["kernel_stack"] for hit in hits)
    # The value is read after the access, and another CPU's tick may fall between: it never goes back.
    values = [int(hits[0]["old"], 16), *written(hits)]
    assert values == sorted(values)


def test_jiffies_grow() -> None:
    """Forty reads may pass between two ticks, so growth is asked of the ticks themselves: each write adds."""
    with Watch("--symbol", "jiffies_64", "--w", "--count", "5") as watch:
        watch.wait_armed()
        assert watch.wait_exit() == 0
    hits = all_counted(watch, unseen_allowed=True)
    assert len(hits) == 5 and {hit["access"] for hit in hits} == {"write"}
    chained(hits)
    assert all(int(hit["new"], 16) > int(hit["old"], 16) for hit in hits)


def test_path_through_a_pointer() -> None:
    with Watch("--symbol", "init_task.signal->nr_threads") as watch:
        target = watch.wait_armed()["targets"][0]
        assert watch.stop() == 0
    assert target["width"] == 4 and "int" in target["type"]
    assert int(target["address"], 16) >= KERNEL_HALF
    assert 0 < int(target["value"], 16) < 10_000


def test_symbol_and_object_agree() -> None:
    """Both name a field of the parent of everything, in two ways."""
    with Watch("--symbol", "init_task.pid", "--object", "task(1)->real_parent->pid") as watch:
        first, second = watch.wait_armed()["targets"]
        assert watch.stop() == 0
    assert (first["address"], first["value"]) == (second["address"], "0x0")


def on_cpu(cpu: int) -> None:
    """Sleeps and wakes on that CPU: the scheduler writes its run queue."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    os.sched_yield()
    os.sched_setaffinity(0, allowed)


def test_per_cpu_variable(actor: Actor) -> None:
    cpus = kernel_state.online_cpus()
    with Watch("--symbol", "runqueues.nr_running") as watch:
        armed = watch.wait_armed()
        assert armed["targets"][0]["per_cpu"] and armed["cpus_armed"] == cpus

        def seen_everywhere() -> bool:
            for cpu in cpus:
                on_cpu(cpu)
            return {hit["cpu"] for hit in watch.hits()} == set(cpus)

        wait_until(seen_everywhere, "hits on every CPU")
        assert watch.stop() == 0
    places: dict[str, set[int]] = {}
    for hit in watch.hits():
        places.setdefault(hit["address"], set()).add(hit["cpu"])
    # An address belongs to one CPU: a slot is set for it there only, and is hit there.
    assert len(places) == len(cpus)
    assert all(len(seen) == 1 for seen in places.values()), places
    # No chain here: another CPU may write a CPU's copy (load balancing does), and that is not watched.
    assert all(int(hit["new"], 16) < 1000 for hit in watch.hits())
