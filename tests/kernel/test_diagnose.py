"""What all recipes share: refusals, the record, ends of every kind. Which culprits are found: test_faults.py."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from actor import Actor
from diagnosis_run import DiagnosisRun
from kernel_state import HeldSlots, online_cpus
from stakeout_run import BINARY, run, wait_until

USAGE, CANNOT_ARM, INTERNAL = 2, 3, 5


def refused(status: int, *args: str) -> str:
    done = run("diagnose", *args)
    assert done.returncode == status, done
    assert done.stdout == ""
    # an expression is shown, with the place that is meant
    lines = 3 if "understand --valid" in done.stderr else 1
    assert len(done.stderr.splitlines()) == lines and done.stderr.startswith("stakeout: cannot "), done.stderr
    return done.stderr


@pytest.mark.parametrize(("args", "words"), [
    ((), ("subcommand",)),
    (("stomp",), ("TARGET",)),
    (("refcount",), ("TARGET",)),
    (("stomp", "jiffies_64", "-o", "dot"), ("dot", "text or json")),
    (("stomp", "jiffies_64", "--ttl", "0s"), ("--ttl 0s", "at least 1s")),
    (("stomp", "jiffies_64", "--pid", "1", "--", "true"), ("both --pid and a program", "give one")),
    (("stomp", "jiffies_64", "--valid", "new <"), ("new <",)),
    (("stomp", "jiffies_64", "--valid", "old.nothing == 1"), ("nothing",)),
    (("stomp", "jiffies_64", "--writers", "scheduler_tik"), ("scheduler_tik",)),
    (("stomp", "jiffies_64", "--learn", "soon"), ("soon",)),
    (("refcount", "jiffies_64", "--kind", "mutex"), ("mutex", "refcount nor count", "zero")),
    (("stomp", "jiffies_64", "--record", "/proc/nothing/here"), ("/proc/nothing/here", "ENOENT")),
])
def test_usage(args: tuple[str, ...], words: tuple[str, ...]) -> None:
    said = refused(USAGE, *args)
    for word in words:
        assert word in said


def test_unknown_target() -> None:
    assert "jiffies_46" in refused(CANNOT_ARM, "stomp", "jiffies_46")


def test_slots_taken_are_told_with_their_holders(actor: Actor) -> None:
    with HeldSlots(online_cpus()[0], 4):
        said = refused(CANNOT_ARM, "stomp", "counter", "--pid", str(actor.pid), "--never-changes")
    assert "debug register" in said and "python3" in said


def counter_of(actor: Actor, *args: str) -> DiagnosisRun:
    return DiagnosisRun("stomp", hex(actor.address()), "--len", "8", "--pid", str(actor.pid), *args)


def only(output: str) -> dict[str, Any]:
    lines = output.splitlines()
    assert len(lines) == 1, output
    return json.loads(lines[0])


def test_record_keeps_the_hits_for_root_alone(actor: Actor, tmp_path: Path) -> None:
    kept = tmp_path / "hits.json"
    kept.write_text("old")
    kept.chmod(0o644)
    with counter_of(actor, "--never-changes", "--record", str(kept)) as diagnosis:
        diagnosis.wait_armed()
        made = actor.do("w8 0 7")
        diagnosis.interrupt()
        found = only(diagnosis.wait_output())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    records = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [record["type"] for record in records] == ["armed", *["hit"] * made, "summary"]
    assert found["covered"]["facts"]["hits"] == made
    numbers = {hit for evidence in found["evidence"] for hit in evidence.get("hits", [])}
    assert numbers == {record["seq"] for record in records if record["type"] == "hit"}


def test_record_follows_no_link(tmp_path: Path) -> None:
    target = tmp_path / "somebody's"
    target.write_text("precious")
    (tmp_path / "link").symlink_to(target)
    assert "ELOOP" in refused(USAGE, "stomp", "jiffies_64", "--record", str(tmp_path / "link"))
    assert target.read_text() == "precious"


def test_target_that_dies_is_diagnosed(actor: Actor) -> None:
    with counter_of(actor, "--never-changes") as diagnosis:
        diagnosis.wait_armed()
        actor.do("w8 0 3")
        actor.say("exit")
        subprocess.run(["kill", "-9", str(actor.pid)], check=False)
        found = only(diagnosis.wait_output())
    assert found["verdict"] == "culprit" and found["covered"]["facts"]["hits"] == 3


def test_nobody_wrote(actor: Actor) -> None:
    with counter_of(actor, "--never-changes") as diagnosis:
        diagnosis.wait_armed()
        diagnosis.interrupt()
        found = only(diagnosis.wait_output())
    assert found["verdict"] == "clean" and found["culprits"] == []
    assert found["covered"]["facts"]["cpus_armed"] == found["covered"]["facts"]["cpus_online"]


def test_without_a_rule_nobody_is_accused(actor: Actor) -> None:
    with counter_of(actor) as diagnosis:
        diagnosis.wait_armed()
        actor.do("w8 0 3")
        diagnosis.interrupt()
        found = only(diagnosis.wait_output())
    assert (found["verdict"], found["kind"]) == ("not_enough_evidence", "no_rule")
    assert any("--writers" in advice for advice in found["next"])


def test_a_storm_that_was_braked_is_not_called_clean(actor: Actor) -> None:
    with counter_of(actor, "--valid", "new >= 0") as diagnosis:
        diagnosis.wait_armed()
        actor.do("w8 0 100000")
        diagnosis.interrupt()
        found = only(diagnosis.wait_output())
    assert found["covered"]["facts"]["braked"] > 0
    assert found["verdict"] == "not_enough_evidence"
    assert any("--no-brake" in advice for advice in found["next"])


def test_learning(actor: Actor) -> None:
    with counter_of(actor, "--learn", "1s") as diagnosis:
        diagnosis.wait_armed()
        actor.do("w8 0 5")
        learnt = actor.do("w8 0 1")
        assert learnt == 1
        diagnosis.interrupt()
        found = only(diagnosis.wait_output())
    assert found["verdict"] == "clean", found["sentence"]


def test_full_output_is_told(actor: Actor) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = subprocess.Popen([BINARY, "diagnose", "stomp", hex(actor.address()), "--len", "8", "--pid",
                                    str(actor.pid), "--never-changes"], stdout=full, stderr=subprocess.PIPE, text=True)
        said = ""
        assert process.stderr
        while "armed for" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[1]
    assert process.returncode == INTERNAL and "ENOSPC" in said


def test_kill_leaves_nothing(actor: Actor) -> None:
    with counter_of(actor, "--never-changes") as diagnosis:
        diagnosis.wait_armed()
        diagnosis.send(signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{diagnosis.pid}/fd/0").exists(), "it has ended")
    assert actor.do("w8 0 1") == 1  # the fixture sees that no slot is taken and no program left


def test_without_root() -> None:
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, "diagnose", "stomp",
                           "jiffies_64", "--never-changes"], capture_output=True, text=True, check=False)
    assert done.returncode in (CANNOT_ARM, 126, 127) and done.stderr.strip()
