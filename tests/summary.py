#!/usr/bin/env python3
"""Adds up the JUnit files of a test run: says what failed and what was skipped and why, and closes with one line.

    tests/summary.py build/results
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    for tag in ("failure", "error"):
        if (found := case.find(tag)) is not None:
            return "failed", found.get("message") or ""
    if (found := case.find("skipped")) is not None:
        return "skipped", found.get("message") or ""
    if case.get("status") == "notrun" or case.get("result") == "suppressed":
        return "skipped", "not run"
    return "passed", ""


def main() -> int:
    folder = Path(sys.argv[1])
    total: Counter[str] = Counter()
    for file in sorted(folder.glob("*.xml")):
        counts: Counter[str] = Counter()
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            verdict, why = outcome(case)
            counts[verdict] += 1
            if verdict != "passed":
                first_line = why.strip().splitlines()[0] if why.strip() else ""
                print(f"{verdict.upper()} {file.stem}: {case.get('classname')}.{case.get('name')}: {first_line}")
        print(f"{file.stem}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
        total += counts
    for broken in sorted(folder.glob("*.broken")):
        stems = [file.stem for file in folder.glob(f"{broken.stem}*.xml")]
        if not stems:  # it broke before it could say which test failed
            print(f"FAILED {broken.stem}: it ended without results")
            total["failed"] += 1
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
