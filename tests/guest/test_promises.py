"""Whole coverage, exact counts, brake, time to live, and nothing left behind, on Debian's kernels.

Their perf core differs from the newer kernel of tests/kernel where it matters here: what an event's limit counts
(before Linux 6.11 every hit, since then those for which the program returned 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

import kernel_state
from fault_module import Fault
from stakeout_run import Record, Watch, wait_until

STATE = ("--symbol", "stakeout_fault:fault_state", "--len", "8", "--w")
CPU1 = Path("/sys/devices/system/cpu/cpu1/online")


@pytest.fixture
def cpu1() -> Iterator[Path]:
    yield CPU1
    CPU1.write_text("1")


def test_cpu_leaves_and_returns(fault: Fault, cpu1: Path) -> None:
    with Watch(*STATE, "--no-brake") as watch:
        armed = watch.wait_armed()
        assert armed["cpus_armed"] == armed["cpus_online"] == [0, 1]
        fault.do("oncpu", 2, cpu=1)
        watch.wait_hits(2)
        cpu1.write_text("0")
        watch.wait_for(lambda: any(seen["cpus_online"] == 1 for seen in watch.of_type("coverage")), "CPU 1 has left")
        fault.do("a", 3)
        watch.wait_hits(5)
        cpu1.write_text("1")
        watch.wait_for(lambda: watch.of_type("coverage")[-1]["cpus_armed"] == 2, "CPU 1 is armed again")
        fault.do("oncpu", 4, cpu=1)
        hits = watch.wait_hits(9)
        assert watch.stop() == 0
    assert [hit["cpu"] for hit in hits if hit["cpu"] == 1] == [1] * 6
    assert (watch.summary["hits"], watch.summary["lost"]) == (9, 0)
    gap = watch.of_type("coverage")[-1]
    assert gap["cpu"] == 1 and gap["gap_from_ns"] < gap["gap_to_ns"]


def test_armed_while_a_cpu_is_offline(fault: Fault, cpu1: Path) -> None:
    cpu1.write_text("0")
    with Watch(*STATE, "--no-brake") as watch:
        armed = watch.wait_armed()
        assert armed["cpus_armed"] == armed["cpus_online"] == [0]
        cpu1.write_text("1")
        watch.wait_for(lambda: any(seen["cpus_armed"] == 2 for seen in watch.of_type("coverage")), "CPU 1 is armed")
        fault.do("oncpu", 4, cpu=1)
        hits = watch.wait_hits(4)
        assert watch.stop() == 0
    assert {hit["cpu"] for hit in hits} == {1}


def test_count_is_exact_under_load(fault: Fault) -> None:
    with Watch(*STATE, "--count", "500", "--no-brake") as watch:
        watch.wait_armed()
        fault.spin(60_000, cpu=1)
        assert watch.wait_exit() == 0
    fault.stop_spinning()
    assert len(watch.hits()) == watch.summary["hits"] == 500
    assert watch.summary["lost"] == 0


def gaps_are_told(hits: list[Record], brakes: list[Record]) -> None:
    """fault_state counts up by one: where two hits' values do not follow each other, a brake record says so."""
    for before, after in zip(hits, hits[1:]):
        if int(after["new"], 16) == int(before["new"], 16) + 1:
            continue
        assert any(brake["from_ns"] <= after["time_ns"] and before["time_ns"] <= brake["to_ns"]
                   for brake in brakes), (before["time_ns"], after["time_ns"], brakes[:3])


def test_brake_holds_back_a_storm(fault: Fault) -> None:
    with Watch(*STATE) as watch:
        watch.wait_armed()
        fault.spin(60_000, cpu=1)
        watch.wait_records("brake", 3)
        writes = fault.stop_spinning()
        assert watch.stop() == 0
    # Unbraked, every write is a hit. How many fewer depends on the machine's speed; most are spared on any.
    assert watch.summary["lost"] == 0
    assert 0 < watch.summary["hits"] < writes / 2
    gaps_are_told(watch.hits(), watch.of_type("brake"))


def test_brake_needs_no_reader(fault: Fault) -> None:
    with Watch(*STATE) as watch:
        watch.wait_armed()
        watch.pause()
        fault.spin(1000, cpu=1)
        writes = fault.wait_spun()
        watch.resume()
        watch.wait_records("brake", 1)
        assert watch.stop() == 0
    # Nobody re-armed the event meanwhile: a single burst.
    assert watch.summary["lost"] == 0
    assert 0 < watch.summary["hits"] < writes / 10


def test_watch_goes_on_after_a_storm(fault: Fault) -> None:
    with Watch(*STATE) as watch:
        watch.wait_armed()
        fault.spin(60_000, cpu=1)
        watch.wait_records("brake", 1)
        fault.stop_spinning()

        def seen_again() -> bool:
            fault.do("oncpu", 1, cpu=1)
            return any("smp_call" in frame["symbol"] or "run_batch" in frame["symbol"]
                       for hit in watch.hits()[-50:] for frame in hit["kernel_stack"])

        wait_until(seen_again, "hits are seen on CPU 1 after the storm")
        assert watch.stop() == 0


def test_no_brake_sees_everything(fault: Fault) -> None:
    with Watch(*STATE, "--no-brake") as watch:
        watch.wait_armed()
        fault.spin(300, cpu=1)
        writes = fault.wait_spun()
        watch.wait_hits(writes)
        assert watch.stop() == 0
    assert (watch.summary["hits"], watch.summary["lost"]) == (writes, 0)
    assert not watch.of_type("brake")


def test_time_to_live(fault: Fault) -> None:
    with Watch(*STATE, "--ttl", "5s") as watch:
        watch.wait_armed()
        fault.do("a", 3)
        watch.wait_hits(3)
        watch.wait_records("notice")
        assert watch.wait_exit() == 0
    assert (watch.summary["hits"], watch.summary["ended_by"]) == (3, "time_to_live")


def test_time_to_live_with_a_stopped_reader(fault: Fault) -> None:
    with Watch(*STATE, "--ttl", "4s") as watch:
        watch.wait_armed()
        fault.do("a", 3)
        watch.wait_hits(3)
        watch.pause()
        wait_until(kernel_state.all_slots_free, "the slots are freed while the reader is stopped")
        fault.do("a", 50)
        watch.resume()
        assert watch.wait_exit() == 0
    assert watch.summary["hits"] == len(watch.hits()) == 3
    assert watch.summary["ended_by"] == "time_to_live"


def test_kill_leaves_nothing(fault: Fault) -> None:
    programs = kernel_state.bpf_program_ids()
    with Watch(*STATE) as watch:
        watch.wait_armed()
        assert kernel_state.free_slots(0) == kernel_state.free_slots(1) == kernel_state.SLOTS - 1
        assert kernel_state.bpf_program_ids() > programs
        watch.kill()
        # The kernel frees after the process is gone, by RCU.
        wait_until(kernel_state.all_slots_free, "the slots are free")
        wait_until(lambda: kernel_state.bpf_program_ids() <= programs, "the programs are gone")
    fault.do("a", 3)  # and writing goes on


def test_removed_while_being_hit(fault: Fault) -> None:
    fault.spin(120_000, cpu=1)
    for _ in range(3):
        with Watch(*STATE) as watch:
            watch.wait_hits(10)
            assert watch.stop() == 0
        assert watch.summary["lost"] == 0
    assert fault.stop_spinning() > 0
