"""The corpus of planted bugs (tests/faults/README.md): what each is, and whether a diagnosis is right about it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAULTS = Path(__file__).resolve().parents[1] / "faults"
_KEYS = {"where", "diagnose", "verdict", "kind", "culprit", "innocent", "ends", "needs"}


@dataclass(frozen=True)
class Fault:
    name: str
    story: str
    where: str  # user, kernel
    arguments: list[str]
    verdict: str = "culprit"
    kind: str = ""
    culprits: list[str] = field(default_factory=list)
    innocent: str = "clean"
    ends: str = "program"

    @property
    def recipe(self) -> str:
        return self.arguments[0]


def read(path: Path) -> Fault:
    story, values = [], {}
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            story.append(line.lstrip("# "))
        elif line.strip():
            key, _, value = line.partition(":")
            assert key in _KEYS and value.strip(), f"{path.name}: cannot be read: {line}"
            values[key] = value.strip()
    assert story and "where" in values and "diagnose" in values, f"{path.name}: no story, where or diagnose"
    verdict = values.get("verdict", "culprit")
    culprits = [one.strip() for one in values.get("culprit", "").split(",") if one.strip()]
    assert bool(culprits) == (verdict == "culprit"), f"{path.name}: a culprit belongs to that verdict, and to no other"
    return Fault(path.stem, " ".join(story), values["where"], shlex.split(values["diagnose"]), verdict,
                 values.get("kind", ""), culprits, values.get("innocent", "clean"),
                 values.get("ends", "program" if values["where"] == "user" else "interrupt"))


def faults(where: str) -> list[Fault]:
    return [fault for fault in map(read, sorted(FAULTS.glob("*.fault"))) if fault.where == where]


def last_diagnosis(output: str) -> dict[str, Any]:
    """Of several (a recipe may report meanwhile) the first that accuses, else the last."""
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert found, f"there is no diagnosis in:\n{output}"
    return next((one for one in found if one["verdict"] == "culprit"), found[-1])


def wrong_about_fault(fault: Fault, diagnosis: dict[str, Any]) -> str:
    """Empty: it names the true culprit."""
    if diagnosis["verdict"] != fault.verdict:
        return f"verdict {diagnosis['verdict']}, not {fault.verdict}: {diagnosis['sentence']}"
    if fault.kind and diagnosis["kind"] != fault.kind:
        return f"kind {diagnosis['kind']}, not {fault.kind}: {diagnosis['sentence']}"
    named = [culprit["function"] for culprit in diagnosis["culprits"]]
    if fault.culprits and (not named or named[0] not in fault.culprits or not set(fault.culprits) <= set(named)):
        return f"accuses {named}, not {fault.culprits}: {diagnosis['sentence']}"
    return ""


def wrong_about_innocent(fault: Fault, diagnosis: dict[str, Any]) -> str:
    if diagnosis["verdict"] == "culprit":
        return f"an innocent is accused: {diagnosis['sentence']}"
    if diagnosis["verdict"] != fault.innocent:
        return f"verdict {diagnosis['verdict']}, not {fault.innocent}: {diagnosis['sentence']}"
    return ""
