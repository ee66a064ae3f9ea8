"""Rules, monitor scripts and follow-ups on Debian's kernels.

Their verifiers and timers differ from the newer kernel of tests/kernel: 6.1 cannot pin a timer to a CPU, neither has
bpf_task_work. Objects in $SCRIPT_OBJECTS were compiled on the host, against its kernel's types.
"""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

import pytest

import kernel_state
from fault_module import Fault
from followups import pairs
from stakeout_run import Record, Watch, run, wait_until

# Every write must be seen, however slow the guest is.
STATE = ("--symbol", "stakeout_fault:fault_state", "--len", "8", "--w", "--no-brake")
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
PINNED_TIMERS = (6, 7)  # Linux from which on a timer can be pinned
ROLLING_LOG = (6, 4)  # and the verifier's log has its end when it is too long, instead of its beginning


def release() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor)


def made_on_the_host(name: str) -> str:
    return str(Path(os.environ["SCRIPT_OBJECTS"]) / f"{name}.bpf.o")


def values(hits: list[Record]) -> list[int]:
    return [int(hit["new"], 16) for hit in hits]


def accounted(watch: Watch, hits: int, shown: int, **dropped: int) -> None:
    """Ended as asked; so many accesses, so many of them shown, the others dropped in the kernel by these rules."""
    assert watch.stop() == 0
    summary = watch.summary
    assert (summary["hits"], summary["records"], summary["lost"]) == (hits, shown, 0), summary
    assert summary.get("dropped_in_kernel", {}) == dropped
    assert len(watch.hits()) == shown


# ---- rules ----


def test_when(fault: Fault) -> None:
    with Watch(*STATE, "--when", 'new > 3 && delta == 1 && comm != "init" && hits > 4') as watch:
        watch.wait_armed()
        fault.do("a", 6)
        hits = watch.wait_hits(2)
        accounted(watch, hits=6, shown=2, when=4)
    assert values(hits) == [5, 6]


def test_when_follows_a_pointer_and_reads_the_task() -> None:
    # A store of a pointer; what hangs on it is read in the exception.
    libc = ctypes.CDLL(None)
    before, inherited = os.getgid(), os.getegid()
    with Watch("--object", f"task({os.getpid()})->cred", "--w", "--when", "new->egid.val == 7") as watch:
        watch.wait_armed()
        assert libc.setegid(6) == 0
        assert libc.setegid(7) == 0
        assert libc.setegid(inherited) == 0
        hits = watch.wait_hits(1)
        accounted(watch, hits=3, shown=1, when=2)
    assert (os.getgid(), os.getegid()) == (before, inherited)
    assert hits[0]["pid"] == os.getpid()


def test_when_with_a_field_of_a_structure(fault: Fault) -> None:
    target = ("--symbol", "stakeout_fault:fault_object.inner.first", "--type", "struct fault_object", "--w")
    with Watch(*target, "--when", "new & 1") as watch:
        watch.wait_armed()
        fault.do("first", 5)
        hits = watch.wait_hits(3)
        accounted(watch, hits=5, shown=3, when=2)
    assert values(hits) == [1, 3, 5]


def test_when_that_is_wrong() -> None:
    ended = run("watch", *STATE, "--when", "new = 5")
    assert ended.returncode == 2 and "^" in ended.stderr


def test_changed(fault: Fault) -> None:
    fault.do("a", 1)
    with Watch(*STATE, "--changed") as watch:
        watch.wait_armed()
        fault.do("a", 1)  # 1 again
        fault.do("a", 3)  # 1 again, 2, 3
        hits = watch.wait_hits(2)
        accounted(watch, hits=4, shown=2, changed=2)
    assert [(hit["old"], hit["new"]) for hit in hits] == [("0x1", "0x2"), ("0x2", "0x3")]


@pytest.mark.parametrize(("rule", "shown"), [
    (("--only-from", "fault_stray_writer,fault_writer_b"), [4, 0xDEADBEEFDEADBEEF]),
    (("--not-from", "fault_writer_a"), [4, 0xDEADBEEFDEADBEEF]),
])
def test_origin(fault: Fault, rule: tuple[str, str], shown: list[int]) -> None:
    with Watch(*STATE, *rule) as watch:
        watch.wait_armed()
        fault.do("a", 3)
        fault.do("b", 1)
        fault.do("stray", 1)
        hits = watch.wait_hits(2)
        accounted(watch, hits=5, shown=2, **{"from": 3})
    assert values(hits) == shown


# ---- scripts ----


def test_guard(fault: Fault) -> None:
    arguments = ("--script", str(SCRIPTS / "guard.c"), "--param", "low=2", "--param", "high=4", "--param", "reason=no")
    with Watch(*STATE, *arguments) as watch:
        watch.wait_armed()
        fault.do("a", 6)
        hits = watch.wait_hits(3)
        accounted(watch, hits=6, shown=3, script=3)
    assert values(hits) == [1, 5, 6]
    assert [hit["fields"] for hit in hits] == [
        {"offences": 1, "beyond": -1, "first": True, "why": "no"},
        {"offences": 2, "beyond": 1, "first": False, "why": "no"},
        {"offences": 3, "beyond": 2, "first": False, "why": "no"}]


def test_script_after_an_expression(fault: Fault) -> None:
    with Watch(*STATE, "--when", "new != 6", "--script", str(SCRIPTS / "guard.c"), "--param", "high=4") as watch:
        watch.wait_armed()
        fault.do("a", 7)
        hits = watch.wait_hits(2)
        accounted(watch, hits=7, shown=2, when=1, script=4)
    assert values(hits) == [5, 7]


@pytest.mark.parametrize("way", ["on-demand", "periodic", "softirq"])
@pytest.mark.parametrize("delay", [0, 20_000])
def test_each_hit_has_its_followup(fault: Fault, delay: int, way: str) -> None:
    arguments = ("--script", made_on_the_host("followup"), "--param", f"delay={delay}", "--followup", way)
    with Watch(*STATE, *arguments) as watch:
        armed = watch.wait_armed()
        fault.do("a", 10)
        fault.do("oncpu", 10, cpu=1)
        watch.wait_hits(20)
        accounted(watch, hits=20, shown=20)
    assert armed["followup_way"] == way
    pinned = armed["followup_pinned"]
    assert pinned == (way != "softirq" and release() >= PINNED_TIMERS)
    counts = watch.summary["followups"]
    assert (counts["deferred"], counts["followed"] + counts["unfinished"]) == (20, 20)
    followed = pairs(watch, delay, late_ns=0)
    assert len(followed) == counts["followed"]
    assert counts["missed"] == counts["unsent"] == 0
    if way != "softirq":  # which comes when some softirq ends, and an idle guest has few
        assert len(followed) == 20
    for hit, look in followed:
        assert look["cpu"] == look["fields"]["cpu"] and hit["cpu"] == hit["fields"]["cpu"]
        if pinned:
            assert look["cpu"] == hit["cpu"]


def test_full_queue_is_counted(fault: Fault) -> None:
    arguments = ("--script", made_on_the_host("followup"), "--param", "delay=500000")
    with Watch(*STATE, *arguments) as watch:
        watch.wait_armed()
        fault.do("oncpu", 300, cpu=1)
        watch.wait_hits(300)
        assert watch.stop() == 0
    counts, hits = watch.summary["followups"], watch.hits()
    assert counts["deferred"] == len(hits) == 300
    assert counts["missed"] == sum(hit.get("followup_missed", False) for hit in hits) > 0
    assert counts["followed"] + counts["unfinished"] == 300 - counts["missed"]


def test_decided_by_the_followup(fault: Fault) -> None:
    with Watch(*STATE, "--script", str(SCRIPTS / "decide_later.c")) as watch:
        watch.wait_armed()
        fault.do("a", 7)
        hits = watch.wait_hits(4)
        assert watch.stop() == 0
    assert values(hits) == [hit["followup"]["fields"]["seen"] for hit in hits] == [1, 3, 5, 7]
    assert watch.summary["dropped_by_reader"] == {"followup": 3}


def test_snapshots(fault: Fault) -> None:
    with (SCRIPTS / "guard.c").open("rb") as anything:
        memory = ctypes.create_string_buffer(anything.read(200), 200)
    arguments = ("--param", f"user={ctypes.addressof(memory)}", "--param", "bytes=200")
    with Watch(*STATE, "--script", made_on_the_host("snapshots"), *arguments) as watch:
        watch.wait_armed()
        fault.do("a", 2)
        hits = watch.wait_hits(2)
        accounted(watch, hits=2, shown=2)
    name = os.fsencode(Path("/proc/self/comm").read_text().strip()).ljust(16, b"\0").hex()
    for hit in hits:
        of_user, behind_pointers, nowhere = hit["snapshots"]
        assert of_user["bytes"] == memory.raw.hex() and behind_pointers["bytes"] == name
        assert nowhere["unreadable"] and "bytes" not in nowhere
        assert hit["followup"]["snapshots"][0]["bytes"] == name


@pytest.mark.parametrize("later", [False, True])
def test_stop_from_inside(fault: Fault, later: bool) -> None:
    with Watch(*STATE, "--script", str(SCRIPTS / "stop.c"), "--param", "value=3", "--param", f"later={later:d}") as watch:
        watch.wait_armed()
        fault.do("oncpu", 3, cpu=1)
        assert watch.wait_exit() == 0
    fault.do("a", 3)
    assert watch.summary["ended_by"] == "script"
    assert values(watch.hits()) == [1, 2, 3]
    assert ("followup" in watch.hits()[-1]) == later


def test_foreign_program(fault: Fault) -> None:
    with Watch(*STATE, "--script", str(SCRIPTS / "foreign.c")) as watch:
        watch.wait_armed()
        fault.do("a", 5)
        watch.wait_hits(5)
        accounted(watch, hits=5, shown=5)


def test_task_context_is_refused_with_the_reason() -> None:
    ended = run("watch", *STATE, "--script", made_on_the_host("in_task"))
    assert ended.returncode == 3, ended.stderr
    assert "no task context" in ended.stderr and "6.18" in ended.stderr


@pytest.mark.parametrize("name", ["number_as_pointer", "unchecked_map_value", "loop_too_long", "large_stack"])
def test_defective_script(name: str) -> None:
    if name == "loop_too_long" and release() >= ROLLING_LOG:
        pytest.skip("the verifier's million steps, each with its line in the log, take minutes under emulation")
    script = SCRIPTS / "defective" / f"{name}.c"
    lines = script.read_text().splitlines()
    must_say = lines[0].partition("MUST SAY: ")[2]
    wrong = next(number for number, line in enumerate(lines, 1) if line.endswith("// HERE"))
    before = kernel_state.bpf_program_ids()
    ended = run("check", str(script))
    assert ended.returncode != 0
    assert re.search(must_say, ended.stderr), ended.stderr
    assert f":{wrong}" in ended.stderr, ended.stderr
    wait_until(lambda: kernel_state.bpf_program_ids() <= before, "no BPF program is left")
