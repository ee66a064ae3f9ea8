#!/usr/bin/env python3
"""The score of `stakeout diagnose` on the corpus of planted bugs, from the results of the last tests.

    tests/score.py RESULTS            prints the table (nothing, where no fault was diagnosed)
    tests/score.py RESULTS --write    also puts it into docs/diagnoses.md, between its markers
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "tests" / "harness"))

import corpus  # noqa: E402

CASE = re.compile(r"test_(culprit_is_named|innocent_is_not_accused)\[(\w+)\]")
MACHINES = {"kernel": "this machine", "guest-6.1": "Linux 6.1", "guest-6.12": "Linux 6.12"}
BEGIN, END = "<!-- score: begin -->", "<!-- score: end -->"


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "no"
    return "skipped" if case.find("skipped") is not None else "yes"


def collect(results: Path) -> dict[str, dict[str, dict[str, str]]]:
    """fault -> machine -> "culprit_is_named" or "innocent_is_not_accused" -> outcome"""
    found: dict = defaultdict(lambda: defaultdict(dict))
    for machine in MACHINES:
        path = results / f"{machine}.xml"
        if not path.exists():
            continue
        for case in ElementTree.parse(path).iter("testcase"):
            if match := CASE.fullmatch(case.get("name", "")):
                found[match[2]][machine][match[1]] = outcome(case)
    return found


def table(found: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    faults = {fault.name: fault for where in ("user", "kernel") for fault in corpus.faults(where)}
    rows = ["| fault | what it is | must be found | on | found | twin not accused |", "|---|---|---|---|---|---|"]
    for name in sorted(found):
        fault = faults[name]
        wanted = ", ".join(fault.culprits) or fault.kind or fault.verdict
        for machine, outcomes in found[name].items():
            rows.append(f"| {name} | {fault.story} | {wanted} | {MACHINES[machine]} "
                        f"| {outcomes.get('culprit_is_named', '-')} | {outcomes.get('innocent_is_not_accused', '-')} |")
    return rows


def tally(found: dict[str, dict[str, dict[str, str]]]) -> str:
    def count(what: str, value: str) -> int:
        return sum(one.get(what) == value for machines in found.values() for one in machines.values())

    named, missed = count("culprit_is_named", "yes"), count("culprit_is_named", "no")
    fair, accused = count("innocent_is_not_accused", "yes"), count("innocent_is_not_accused", "no")
    return (f"{len(found)} planted bugs: {named} of {named + missed} diagnoses right, "
            f"{accused} of {fair + accused} innocent twins judged wrongly.")


def main() -> int:
    found = collect(Path(sys.argv[1]))
    if not found:
        return 0
    lines = [tally(found), "", *table(found)]
    print("\n".join(lines))
    if "--write" in sys.argv[2:]:
        document = TREE / "docs" / "diagnoses.md"
        text = document.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        document.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
