"""Defective scripts: each is refused in words that a person understands, at its line, and leaves nothing in the kernel."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

import kernel_state
from actor import Actor
from scripts import SCRIPTS, NothingLeft, of_actor
from stakeout_run import run

DEFECTIVE = sorted((SCRIPTS / "defective").glob("*.c"))
CANNOT_ARM = 3
MOST_LINES = 40  # of an explanation: more is not read


class Defect:
    def __init__(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        self.path, self.must_say = path, lines[0].removeprefix("// MUST SAY: ")
        marked = [(number, line) for number, line in enumerate(lines, 1) if re.search(r"// HERE\??$", line)]
        assert len(marked) <= 1 and lines[0] != self.must_say, path
        self.line = marked[0][0] if marked and not marked[0][1].endswith("?") else None

    def is_told(self, said: str) -> None:
        assert said.startswith("stakeout: "), said
        words = said.replace(str(self.path), self.path.name)  # the path may not be what matches
        words = "\n".join(line for line in words.splitlines() if "MUST SAY" not in line).replace(self.path.name, "SCRIPT")
        assert re.search(self.must_say, words), said
        if self.line is not None:
            assert re.search(rf"SCRIPT:{self.line}\b", words), f"line {self.line}: {said}"
        assert len(said.splitlines()) <= MOST_LINES, said


def test_there_are_enough() -> None:
    assert len(DEFECTIVE) >= 25


@pytest.mark.parametrize("path", DEFECTIVE, ids=lambda path: path.stem)
def test_defective(path: Path) -> None:
    with NothingLeft():
        ended = run("check", str(path))
    assert ended.returncode == CANNOT_ARM or ended.returncode == 2, f"{ended.returncode}: {ended.stdout}{ended.stderr}"
    Defect(path).is_told(ended.stderr)
    assert not ended.stdout, ended.stdout
    assert kernel_state.all_slots_free()


@pytest.mark.parametrize("name", ["number_as_pointer", "division_by_zero", "syntax_error", "huge_map"])
def test_watch_refuses_the_same(actor: Actor, name: str) -> None:
    path = SCRIPTS / "defective" / f"{name}.c"
    with NothingLeft(), of_actor(actor, path) as watch:
        assert watch.wait_exit() == CANNOT_ARM
    Defect(path).is_told(watch.stderr)
    assert not watch.records
    assert actor.do("w8 0 5") == 5 and actor.sigtraps() == 0


@pytest.mark.parametrize("name", ["number_as_pointer", "unchecked_map_value", "fields_out_of_bounds"])
def test_compiled_object_is_refused_too(tmp_path: Path, name: str) -> None:
    """Compiled elsewhere, its source is not at hand: the verifier's log and the debug information must do."""
    made = tmp_path / "script.bpf.o"
    compiled = run("compile", str(SCRIPTS / "defective" / f"{name}.c"), "-o", str(made))
    if compiled.returncode != 0:
        Defect(SCRIPTS / "defective" / f"{name}.c").is_told(compiled.stderr)
        assert not made.exists()
        return
    with NothingLeft():
        ended = run("check", str(made))
    assert ended.returncode == CANNOT_ARM and str(made) in ended.stderr
    assert re.search(Defect(SCRIPTS / "defective" / f"{name}.c").must_say, ended.stderr), ended.stderr


def test_whole_verifier_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from before")
    log.chmod(0o644)
    script = str(SCRIPTS / "defective" / "unchecked_map_value.c")
    ended = run("check", script, "--verifier-log", str(log))
    assert ended.returncode == CANNOT_ARM and str(log) in ended.stderr
    kept = log.read_text()
    assert "map_value_or_null" in kept and "0: (" in kept and "from before" not in kept
    assert len(kept.splitlines()) > len(ended.stderr.splitlines())
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_new_verifier_log_is_root_s_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run("check", str(SCRIPTS / "defective" / "number_as_pointer.c"), "--verifier-log", str(log))
    assert stat.S_IMODE(log.stat().st_mode) == 0o600 and log.read_text()


def test_verifier_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("keep me")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for place in (tmp_path / "link", tmp_path / "no folder" / "log", tmp_path):
        ended = run("check", str(SCRIPTS / "defective" / "number_as_pointer.c"), "--verifier-log", str(place))
        assert ended.returncode == CANNOT_ARM
        assert "could not be written" in ended.stderr and "a number is used as a pointer" in ended.stderr
    assert (tmp_path / "target").read_text() == "keep me"


def test_no_log_of_what_is_fine(tmp_path: Path) -> None:
    assert run("check", str(SCRIPTS / "guard.c"), "--verifier-log", str(tmp_path / "log")).returncode == 0
    assert not (tmp_path / "log").exists()
