"""Reads told from writes over every instruction form of tests/programs/forms.c that this CPU has."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import pytest

from actor import program
from checks import all_counted
from stakeout_run import BOUND, Record, Watch

TIMES = 5


@dataclass(frozen=True)
class Form:
    name: str
    access: str
    traps: int  # of one execution
    mnemonic: str


def all_forms() -> list[Form]:
    try:
        listed = subprocess.run([program("forms"), "--list"], capture_output=True, text=True, check=True).stdout
    except OSError:
        return []
    return [Form(name, access, int(traps), mnemonic)
            for name, access, traps, mnemonic in (line.split("\t") for line in listed.splitlines())]


FORMS = all_forms()
each_form = pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])


def hits_of(form: Form, access: str) -> list[Record]:
    """What a watch of the form's word sees of TIMES executions."""
    process = subprocess.Popen([program("forms"), form.name, str(TIMES)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdin
    try:
        address = process.stdout.readline().split()[1]
        with Watch("--pid", str(process.pid), "--addr", address, "--len", "8", access) as watch:
            watch.wait_armed()
            said, _ = process.communicate("go\n", timeout=BOUND)
            assert said == f"done {TIMES}\n"
            watch.wait_exit()
            assert watch.summary["ended_by"] == "target"
    finally:
        process.kill()
    return all_counted(watch) if access != "--r" else watch.hits()


@each_form
def test_reads_and_writes(form: Form) -> None:
    hits = hits_of(form, "--rw")
    assert len(hits) == TIMES * form.traps
    for hit in hits:
        assert hit["access"] == form.access, hit
        assert form.mnemonic in hit["instruction"]["text"], hit


@each_form
def test_writes_only(form: Form) -> None:
    hits = hits_of(form, "--w")
    assert len(hits) == (TIMES * form.traps if form.access == "write" else 0)
    assert {hit["access"] for hit in hits} <= {"write"}


@each_form
def test_reads_only(form: Form) -> None:
    hits = hits_of(form, "--r")
    assert len(hits) == (TIMES * form.traps if form.access == "read" else 0)
    assert {hit["access"] for hit in hits} <= {"read"}


def test_there_are_enough_forms() -> None:
    if not FORMS:
        pytest.skip("the program `forms` is not built")
    assert len(FORMS) >= 40
