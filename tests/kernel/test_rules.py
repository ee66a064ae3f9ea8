"""Which hits are wanted: --changed, --only-from, --not-from, --comm-match, --stack-match, and --when (test_when.py) beside them.

Whatever a rule drops is counted, by the rule, in the kernel or by the reader; `hits` counts every access all the same.
"""

from __future__ import annotations

import ctypes
import os

import pytest

from actor import Actor
from checks import balanced, judged, symbols, written
from rules import of_actor, refused
from stakeout_run import Watch, wait_until

SYS_PIDFD_GETFD = 438  # x86-64


# ---- --changed ----


def test_changed(actor: Actor) -> None:
    with of_actor(actor, "--changed") as watch:
        watch.wait_armed()
        made = actor.do("same 0 10") + actor.do("w8 0 5") + actor.do("same 0 10")
        judged(watch, actor, made, [7, 1, 2, 3, 4, 5, 7], in_kernel={"changed": 18})


def test_changed_leaves_reads_out(actor: Actor) -> None:
    with of_actor(actor, "--changed", access="--rw") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 3") + actor.do("r8 0 10")
        judged(watch, actor, made, [1, 2, 3], in_kernel={"changed": 10})


def test_changed_of_a_kernel_object(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--changed", "--w") as watch:
        watch.wait_armed()
        for position in (3, 3, 5, 5, 0):
            actor.do(f"seek {fd} {position}")
        assert watch.stop() == 0
    balanced(watch)
    assert written(watch.hits()) == [3, 5, 0]


def test_changed_and_execute(actor: Actor) -> None:
    assert "--x" in refused(actor, "--x", "--changed")


# ---- --only-from, --not-from ----


@pytest.mark.parametrize(("rule", "shown"), [
    (("--only-from", "store_8"), range(1, 6)),
    (("--only-from", "store_8,store_1"), [*range(1, 6), *range(11, 16)]),
    (("--not-from", "store_8"), range(6, 16)),
    (("--not-from", "store_8,store_1"), range(6, 11)),
    (("--only-from", "actor:store_4"), range(6, 11)),
    (("--only-from", "store_8,store_4", "--not-from", "store_4"), range(1, 6)),
    (("--not-from", "ksys_read"), range(1, 16)),
])
def test_functions_of_the_process(actor: Actor, rule: tuple[str, ...], shown: list[int]) -> None:
    with of_actor(actor, *rule) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 5") + actor.do("w4 0 5") + actor.do("w1 0 5")
        judged(watch, actor, made, list(shown), in_kernel={"from": 15 - len(shown)})


def test_functions_of_the_kernel(actor: Actor) -> None:
    fd = actor.do("open 1000")
    target = ("--object", f"file({actor.pid},{fd})->f_pos", "--w")

    def accesses() -> None:
        actor.do(f"read {fd} 10 5")
        actor.do(f"seek {fd} 1")

    with Watch(*target) as watch:  # which functions they are differs between kernels
        watch.wait_armed()
        accesses()
        assert watch.stop() == 0
    reader, seeker = (symbols(watch.hits()[at]["kernel_stack"])[0] for at in (0, -1))
    assert reader != seeker
    actor.do(f"seek {fd} 0")
    for rule, expected in (("--only-from", [10, 20, 30, 40, 50]), ("--not-from", [1])):
        actor.do(f"seek {fd} 0")
        with Watch(*target, rule, reader) as watch:
            watch.wait_armed()
            accesses()
            hits = judged(watch, actor, 6, expected, in_kernel={"from": 6 - len(expected)})
        assert {symbols(hit["kernel_stack"])[0] for hit in hits} == {reader if rule == "--only-from" else seeker}


def test_kernel_copies_into_a_process_by_function(actor: Actor) -> None:
    # The instruction that writes is the kernel's own, in whichever function copies.
    with of_actor(actor, "--not-from", "store_8") as watch:
        watch.wait_armed()
        actor.do("w8 0 3")
        actor.do("pipe 0 8 2")
        assert watch.stop() == 0
    balanced(watch)
    assert written(watch.hits()) == [4, 5] and {hit["mode"] for hit in watch.hits()} == {"kernel"}
    assert watch.summary["dropped_in_kernel"] == {"from": 3}


def test_unknown_function_has_near_names(actor: Actor) -> None:
    assert "store_8" in refused(actor, "--only-from", "stor_8").split("near names:")[1]
    target = ("--object", f"task({actor.pid})->cred")
    assert "commit_creds" in refused(actor, "--not-from", "commit_cred", target=target).split("near names:")[1]
    assert "none" in refused(actor, "--not-from", ",", target=target)


# ---- --comm-match, --stack-match ----


@pytest.mark.parametrize(("pattern", "matches", "where"), [
    ("^actor$", True, "dropped_in_kernel"),
    ("^(actor|other)$", True, "dropped_in_kernel"),
    ("^act", True, "dropped_in_kernel"),
    ("^actor_$", False, "dropped_in_kernel"),
    ("^(other|more)$", False, "dropped_in_kernel"),
    ("^ctor", False, "dropped_in_kernel"),
    ("^acto$", False, "dropped_in_kernel"),
    ("c.o", True, "dropped_by_reader"),
    ("[xyz]", False, "dropped_by_reader"),
    ("(?i)^ACTOR$", True, "dropped_by_reader"),
])
def test_comm_match(actor: Actor, pattern: str, matches: bool, where: str) -> None:
    with of_actor(actor, "--comm-match", pattern) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 5")
        in_kernel = where == "dropped_in_kernel"
        judged(watch, actor, made, [1, 2, 3, 4, 5] if matches else [], in_kernel={"comm": 0 if matches else 5} if in_kernel else {},
               by_reader={} if in_kernel else {"comm": 0 if matches else 5})


@pytest.mark.parametrize("pattern", ["^actor$", "^a.tor$"])
def test_comm_match_tells_two_processes_apart(actor: Actor, pattern: str) -> None:
    fd = actor.do("open 1000")
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(actor.pid)
    mine = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)  # the same open file, in this process
    assert mine >= 0, os.strerror(ctypes.get_errno())
    try:
        with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--w", "--comm-match", pattern) as watch:
            watch.wait_armed()
            os.lseek(mine, 1, os.SEEK_SET)
            actor.do(f"seek {fd} 2")
            os.lseek(mine, 3, os.SEEK_SET)
            dropped = {"comm": 2}
            judged(watch, actor, 3, [2], *((dropped, {}) if pattern == "^actor$" else ({}, dropped)))
    finally:
        os.close(mine)
        os.close(pidfd)


@pytest.mark.parametrize(("pattern", "shown"), [("^store_8$", [1, 2, 3]), ("store_[48]", [1, 2, 3, 4, 5]), ("^main$", [1, 2, 3, 4, 5]),
                                                ("^called$", [])])
def test_stack_match(actor: Actor, pattern: str, shown: list[int]) -> None:
    with of_actor(actor, "--stack-match", pattern) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 3") + actor.do("w4 0 2")
        judged(watch, actor, made, shown, by_reader={"stack": 5 - len(shown)})


def test_stack_match_in_the_kernel(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--w", "--stack-match", "^ksys_lseek$") as watch:
        watch.wait_armed()
        actor.do(f"read {fd} 10 5")
        actor.do(f"seek {fd} 77")
        judged(watch, actor, 6, [77], by_reader={"stack": 5})


@pytest.mark.parametrize("option", ["--comm-match", "--stack-match"])
def test_no_regular_expression(actor: Actor, option: str) -> None:
    assert "no regular expression" in refused(actor, option, "(")


def test_stack_match_needs_stacks(actor: Actor) -> None:
    assert "--no-stack" in refused(actor, "--stack-match", "x", "--no-stack")


# ---- together, and on two CPUs ----


def test_all_rules_together(actor: Actor) -> None:
    rules = ("--changed", "--only-from", "store_8,store_same", "--comm-match", "^actor$", "--when", "new != 4",
             "--stack-match", "^store_8$")
    with of_actor(actor, *rules) as watch:
        watch.wait_armed()
        made = sum(actor.do(command) for command in ("w8 0 5", "w4 0 2", "same 0 3"))
        # 1 to 5 by store_8, of which 4 is not wanted; 6 and 7 by store_4; 7 thrice: nothing changes.
        judged(watch, actor, made, [1, 2, 3, 5], in_kernel={"changed": 3, "from": 2, "when": 1}, by_reader={})


def test_reader_and_kernel_count_apart(actor: Actor) -> None:
    with of_actor(actor, "--when", "new & 1", "--stack-match", "^store_4$") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 4") + actor.do("w4 0 4")
        judged(watch, actor, made, [5, 7], in_kernel={"when": 4}, by_reader={"stack": 2})


def test_two_cpus_at_once(actor: Actor) -> None:
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--when", "new % 5 == 0") as watch:
        watch.wait_armed()
        actor.do("hire 2")
        made = actor.do("work 500")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    balanced(watch)
    assert watch.summary["hits"] == made - lost
    shown = written(watch.hits())
    assert all(value % 5 == 0 for value in shown)
    assert shown  # how many depends on which CPU was first at the memory, by the time of its exception
    assert watch.summary["dropped_in_kernel"]["when"] == made - lost - len(shown)
    assert {hit["cpu"] for hit in watch.hits()} == set(os.sched_getaffinity(actor.pid)) & {0, 1}


def test_one_of_two_cpus(actor: Actor) -> None:
    if os.cpu_count() == 1:
        pytest.skip("one CPU only")
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--when", "cpu == 1") as watch:
        watch.wait_armed()
        actor.do("hire 2")
        made = actor.do("work 200")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    balanced(watch)
    assert watch.summary["hits"] == made - lost
    assert {hit["cpu"] for hit in watch.hits()} == {1}
    assert 200 - lost <= len(watch.hits()) <= 200


def test_storm_under_a_rule(actor: Actor) -> None:
    """Dropped hits are braked and counted as all are."""
    with of_actor(actor, "--when", "new % 1000 == 0") as watch:
        watch.wait_armed()
        actor.do("loops 2")
        watch.wait_records("brake", 3)
        wait_until(lambda: actor.do("progress") > 5000, "the actor goes on")
        actor.do("stop")
        assert watch.stop() == 0
    summary = watch.summary
    assert summary["hits"] == summary["records"] + summary["lost"] + summary["dropped_in_kernel"]["when"]
    assert all(value % 1000 == 0 for value in written(watch.hits()))
