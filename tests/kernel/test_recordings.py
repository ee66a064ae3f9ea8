"""Recordings of real hits: what was seen is what is read, whatever became of the watch, the disk or the clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from actor import Actor
from keeper_run import Keepers
from stakeout_run import BINARY, PATIENCE, die_with_parent, wait_until

USAGE = 2


@pytest.fixture
def keepers() -> Iterator[Keepers]:
    with Keepers() as running:
        yield running


def on(actor: Actor, offset: int = 0) -> list[str]:
    return ["--pid", str(actor.pid), "--addr", hex(actor.address(offset=offset)), "--len", "8"]


def exported(keepers: Keepers, file: Path) -> list[dict]:
    told = keepers.command("export", str(file), "--to", "jsonl")
    if "it is empty" in told.stderr:
        return []  # the watch has just begun
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def hits(records: list[dict]) -> list[dict]:
    return [record for record in records if record["type"] == "hit"]


def test_what_is_read_is_what_was_shown(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    """The JSON of the watch itself and that of its recording, field by field."""
    file = tmp_path / "hits.stk"
    watch = subprocess.Popen([BINARY, "watch", *on(actor), "--rw", "--record", str(file), "-o", "json"],
                             env=keepers.environment, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    wait_until(lambda: len(keepers.names()) == 1, "it is armed")
    actor.do("w8 0 20")
    actor.do("r8 0 5")
    actor.do("pipe 0 8 2")
    assert keepers.command("remove", keepers.names()[0]).returncode == 0
    shown = [json.loads(line) for line in watch.communicate(timeout=60 * PATIENCE)[0].splitlines()]
    read = exported(keepers, file)
    assert len(hits(read)) >= 25 and hits(read) == hits(shown)
    assert [record for record in read if record["type"] == "summary"] == [
        record for record in shown if record["type"] == "summary"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_killed_watch_keeps_all_but_the_last_second(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    file = tmp_path / "hits.stk"
    name = keepers.start(*on(actor), "--record", str(file), name="shot")
    written = actor.do("w8 0 10")
    wait_until(lambda: len(hits(exported(keepers, file))) == written, "the hits are in the file")
    pid = keepers.status(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    keepers.wait_gone(pid)
    told = keepers.command("report", str(file), "-o", "json")
    assert told.returncode == 0 and json.loads(told.stdout)["counts"]["shown"] == written
    last = keepers.command("last", str(file))
    assert last.returncode == 0 and f"#{written}" in last.stdout and f"pid {actor.pid}" in last.stdout


def test_asked_for_while_it_runs(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    """Nothing that was seen before the question is missing in the answer, in files and in memory."""
    for options in (["--record", str(tmp_path / "hits.stk")], []):
        name = keepers.start(*on(actor), *options, name="asked")
        written = actor.do("w8 0 50")
        wait_until(lambda: keepers.status(name)["shown"] == written, "the watch has seen them")
        told = keepers.command("report", name, "-o", "json")
        assert told.returncode == 0 and json.loads(told.stdout)["counts"]["shown"] == written, told.stderr
        assert f"of {written} hits" in keepers.command("last", name).stdout
        assert keepers.command("remove", name).returncode == 0


def test_rotates_and_is_read_as_one(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    file = tmp_path / "hits.stk"
    name = keepers.start(*on(actor), "--record", str(file), "--max-size", "1M", "--keep", "2", name="long")
    actor.do("loops 2")
    wait_until(lambda: (tmp_path / "hits.stk.2").exists(), "two files are full", timeout=240)
    actor.do("stop")
    assert keepers.command("remove", name).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hits.stk", "hits.stk.1", "hits.stk.2"]
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 1 << 20 and path.stat().st_mode & 0o777 == 0o600
    numbers = [hit["seq"] for hit in hits(exported(keepers, file))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # to the end, without a hole
    newest = [hit["seq"] for hit in hits(exported(keepers, tmp_path / "hits.stk.1"))]
    assert newest and newest[-1] < numbers[-1]


def test_a_full_disk_ends_no_watch_and_what_is_lost_is_told(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        ballast = disk / "ballast"
        told = tmp_path / "told"
        name = keepers.start(*on(actor), "--no-brake", "--record", str(disk / "hits.stk"),
                             "--notify", f'echo "$STAKEOUT_EVENT $STAKEOUT_TEXT" >> {told}', name="full")
        first = actor.do("w8 0 10")
        wait_until(lambda: len(hits(exported(keepers, disk / "hits.stk"))) == first, "the first hits are in the file")
        try:
            ballast.write_bytes(b"x" * (2 << 20))
        except OSError:
            pass  # as much as there was room for
        middle = 0

        def is_told() -> bool:  # the last page of the file still has room
            nonlocal middle
            middle += actor.do("w8 0 500")
            return told.exists() and "trouble" in told.read_text()

        wait_until(is_told, "the full disk is told")
        wait_until(lambda: keepers.status(name)["shown"] == first + middle, "all are seen")
        assert keepers.status(name)["shown"] == first + middle  # it watches on
        ballast.unlink()
        late = 0

        def is_recorded_again() -> bool:
            nonlocal late
            late += actor.do("w8 0 1")
            return len(hits(exported(keepers, disk / "hits.stk"))) > first

        wait_until(is_recorded_again, "it records again")
        assert keepers.command("remove", name).returncode == 0
        report = json.loads(keepers.command("report", str(disk / "hits.stk"), "-o", "json").stdout)
        counts = report["counts"]
        assert counts["shown"] + counts["lost_from_recording"] == first + middle + late
        assert counts["lost_from_recording"] > 0 and counts["lost"] == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_refused_files(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    """What is there and no recording is never touched; links are not followed."""
    letter = tmp_path / "letter.stk"
    letter.write_text("dear diary")
    link = tmp_path / "link.stk"
    link.symlink_to(letter)
    for path in (letter, link, tmp_path, tmp_path / "nowhere" / "x.stk", Path("/dev/null")):
        refused = keepers.command("watch", "--detach", *on(actor), "--record", str(path))
        assert refused.returncode == USAGE and str(path) in refused.stderr and refused.stdout == "", (path, refused)
    assert letter.read_text() == "dear diary" and keepers.names() == []
    for read in (["report", str(letter)], ["last", str(letter)], ["export", str(letter), "--to", "folded"]):
        refused = keepers.command(*read)
        assert refused.returncode == USAGE and "no recording" in refused.stderr, refused
    # A recording that is there is kept, as FILE.1.
    file = tmp_path / "twice.stk"
    for number in (3, 4):
        name = keepers.start(*on(actor), "--count", str(number), "--record", str(file))
        pid = keepers.status(name)["pid"]
        actor.do(f"w8 0 {number}")
        keepers.wait_gone(pid)
    assert len(hits(exported(keepers, file))) == 4
    assert len(hits(exported(keepers, tmp_path / "twice.stk.1"))) == 3


def test_damage_is_told_and_the_rest_is_read(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    file = tmp_path / "hits.stk"
    name = keepers.start(*on(actor), "--record", str(file), name="whole")
    for _ in range(3):  # three blocks
        seen = len(hits(exported(keepers, file))) if file.exists() and file.stat().st_size else 0
        actor.do("w8 0 5")
        wait_until(lambda: len(hits(exported(keepers, file))) == seen + 5, "a block is in the file")
    assert keepers.command("remove", name).returncode == 0
    whole = file.read_bytes()
    whole_told = keepers.command("export", str(file), "--to", "jsonl").stdout
    counts = set()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:]):
            file.write_bytes(broken)
            told = keepers.command("export", str(file), "--to", "jsonl")
            # Without a word only where nothing is missing: a format has bits that mean nothing.
            assert told.returncode in (0, USAGE) and (told.stderr or told.stdout == whole_told), (at, told)
            if told.returncode == 0:
                counts.add(len(hits([json.loads(line) for line in told.stdout.splitlines()])))
    assert counts <= {0, 5, 10, 15} and {5, 10} <= counts


def test_tail_at_ten_thousand_hits_a_second(keepers: Keepers, actor: Actor) -> None:
    """What tail shows and what it says it missed are all that came, and the watch lost none of it."""
    name = keepers.start(*on(actor), name="storm")  # the brake lets some 10,000 a second through on each CPU
    tail = subprocess.Popen([BINARY, "tail", name, "-o", "json"], env=keepers.environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    assert tail.stdout
    assert json.loads(tail.stdout.readline())["type"] == "armed"  # it follows
    actor.do("loops 2")
    seen: list[dict] = []
    for line in tail.stdout:
        seen.append(json.loads(line))
        if len(seen) == 30_000:
            break
    actor.do("stop")
    removed = keepers.command("remove", name)
    assert removed.returncode == 0
    assert tail.stderr
    seen += [json.loads(line) for line in tail.stdout]
    complaint = tail.stderr.read()
    assert tail.wait(60 * PATIENCE) == 0
    summary = seen[-1]
    assert summary["type"] == "summary" and summary["lost"] == 0
    missed = int(complaint.split("stakeout: ")[-1].split()[0]) if "not shown" in complaint else 0
    assert len(hits(seen)) + missed == summary["records"] and len(hits(seen)) >= 29_000
    numbers = [hit["seq"] for hit in hits(seen)]
    assert numbers == sorted(set(numbers))
