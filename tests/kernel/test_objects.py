"""Kernel objects of a live process: who wrote a task's or an open file's field, from which system call."""

from __future__ import annotations

import pytest

from actor import Actor
from checks import all_counted, chained, symbols, written
from stakeout_run import Watch

LOST_TARGET = 4


def test_clear_child_tid(actor: Actor) -> None:
    with Watch("--object", f"task({actor.pid})->clear_child_tid") as watch:
        target = watch.wait_armed()["targets"][0]
        assert target["width"] == 8
        assert actor.do("set_tid 50") == 50
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits)
    assert written(hits) == [actor.address(offset=8 * i) for i in range(1, 51)]
    assert hits[0]["old"] == target["value"]
    for hit in hits:
        assert (hit["pid"], hit["tid"], hit["comm"]) == (actor.pid, actor.pid, "actor")
        assert (hit["access"], hit["mode"], hit["address"]) == ("write", "kernel", target["address"])
        assert "__x64_sys_set_tid_address" in symbols(hit["kernel_stack"])
        assert "main" in symbols(hit["user_stack"])
        assert hit["instruction"]["text"].startswith("mov qword ptr")


def test_another_task_is_another_object(actor: Actor) -> None:
    with Actor() as other, Watch("--object", f"task({actor.pid})->clear_child_tid") as watch:
        watch.wait_armed()
        other.do("set_tid 20")
        actor.do("set_tid 5")
        assert watch.stop() == 0
        assert [hit["pid"] for hit in all_counted(watch)] == [actor.pid] * 5


def test_file_position(actor: Actor) -> None:
    fd = actor.do("open 100000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos") as watch:
        watch.wait_armed()
        assert actor.do(f"read {fd} 100 20") == 2000
        assert actor.do(f"seek {fd} 77") == 77
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits)
    assert written(hits) == [100 * i for i in range(1, 21)] + [77]
    assert all("ksys_read" in symbols(hit["kernel_stack"]) for hit in hits[:20])
    assert "ksys_lseek" in symbols(hits[20]["kernel_stack"])


def test_reads_of_a_file_position(actor: Actor) -> None:
    fd = actor.do("open 100000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--rw") as watch:
        watch.wait_armed()
        actor.do(f"read {fd} 10 5")
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits)
    # read() loads the position, then stores it: which other code looks at it is the kernel's affair.
    assert written([hit for hit in hits if hit["access"] == "write"]) == [10, 20, 30, 40, 50]
    assert sum(hit["access"] == "read" for hit in hits) >= 5


@pytest.mark.parametrize("field", ["clear_child_tid", "comm[0]", "signal->nr_threads", "se.vruntime", "real_parent->pid"])
def test_fields(actor: Actor, field: str) -> None:
    with Watch("--object", f"task({actor.pid})->{field}") as watch:
        target = watch.wait_armed()["targets"][0]
        assert watch.stop() == 0
    values = {"signal->nr_threads": 1, "comm[0]": ord("a")}
    if field in values:
        assert int(target["value"], 16) == values[field]


def test_two_objects(actor: Actor) -> None:
    fd = actor.do("open 1000")
    names = [f"task({actor.pid})->clear_child_tid", f"file({actor.pid},{fd})->f_pos"]
    with Watch("--object", names[0], "--object", names[1]) as watch:
        watch.wait_armed()
        actor.do("set_tid 3")
        actor.do(f"read {fd} 10 4")
        assert watch.stop() == 0
    assert [hit["target"] for hit in all_counted(watch)] == [names[0]] * 3 + [names[1]] * 4


def test_end_of_the_task(actor: Actor) -> None:
    with Watch("--object", f"task({actor.pid})->clear_child_tid") as watch:
        watch.wait_armed()
        actor.say("exit 0")
        assert watch.wait_exit() == LOST_TARGET
    assert watch.summary["ended_by"] == "target"
    assert str(actor.pid) in watch.summary["reason"] and "ended" in watch.summary["reason"]


def test_file_is_closed(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos") as watch:
        watch.wait_armed()
        assert actor.do(f"close {fd}") == 0
        assert watch.wait_exit() == LOST_TARGET
    assert f"file descriptor {fd}" in watch.summary["reason"]
