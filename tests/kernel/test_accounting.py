"""Every access is accounted for: as a record, as lost, as unseen, or as the signal that a hypervisor made of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from actor import Actor
from checks import exactly, written
from stakeout_run import BINARY, BOUND, Record, Watch, wait_until

WRITES = 300_000


def summary_of(output: Path) -> Record:
    last = output.read_text().splitlines()[-1]
    record: Record = json.loads(last)
    assert record["type"] == "summary"
    return record


def test_sigtrap_hazard(actor: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under some hypervisors a debug exception comes without its cause; the kernel makes a SIGTRAP of it."""
    output = tmp_path / "hits"
    with output.open("w") as file:
        process = subprocess.Popen([BINARY, "watch", "--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8",
                                    "--no-brake", "--no-stack", "-o", "json"], stdin=subprocess.DEVNULL, stdout=file)
        try:
            wait_until(lambda: '"armed"' in output.read_text(), "it is armed")
            made = actor.do(f"w8 0 {WRITES}")
            process.terminate()
            assert process.wait(BOUND) == 0
        finally:
            process.kill()
    sigtraps, summary = actor.sigtraps(), summary_of(output)
    with capsys.disabled():
        print(f"\n  SIGTRAPs: {sigtraps} in {made} user hits; unseen {summary['unseen']}, lost {summary['lost']}")
    assert summary["hits"] + summary["unseen"] + sigtraps == made
    assert summary["hits"] == summary["records"] + summary["lost"]


def test_unseen_is_told(actor: Actor) -> None:
    """Two watches of one word: a hit program that reads the word traps in the other watch, where no program may run
    then. Such accesses are counted as unseen, and the hits are exact all the same."""
    word = ("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8")
    with Watch(*word, "--w") as writes, Watch(*word, "--rw") as both:
        writes.wait_armed()
        both.wait_armed()
        made = actor.do("w8 0 10")
        lost = actor.sigtraps()
        assert writes.stop() == 0 and both.stop() == 0
    assert len(writes.hits()) == len(both.hits()) == both.summary["hits"] == made - lost
    assert both.summary["unseen"] > 0
    assert writes.summary["unseen"] == 0


def test_a_second_watch_of_the_word_changes_nothing(actor: Actor) -> None:
    word = ("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8")
    with Watch(*word) as first, Watch(*word) as second:
        first.wait_armed()
        second.wait_armed()
        made = actor.do("w8 0 10")
        assert written(exactly(first, actor, made)) == written(exactly(second, actor, made))


def test_stack_words_are_no_accesses_of_ours(actor: Actor) -> None:
    """What the hit program reads for itself (the word at the stack pointer) does not trap in its own watch."""
    with Watch("--pid", str(actor.pid), "--symbol", "counter", "--rw") as watch:
        watch.wait_armed()
        exactly(watch, actor, actor.do("count 20"))
