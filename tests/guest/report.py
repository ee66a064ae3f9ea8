"""The result of one guest as JUnit XML: pytest's own file, or, if the guest died, what its serial log still tells."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_VERBOSE_LINE = re.compile(r"^(?P<id>\S+::\S+) *(?P<outcome>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)?")


@dataclass
class Outcome:
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.counts["passed"] > 0 and not self.failed


def _status(case: xml.Element) -> tuple[str, str]:
    for tag, name in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return name, found.get("message") or (found.text or "").strip()
    return "passed", ""


def read(junit: Path) -> Outcome:
    outcome = Outcome()
    for case in xml.parse(junit).iter("testcase"):
        status, message = _status(case)
        outcome.counts[status] += 1
        name = case.get("name", "?")
        if status == "failed":
            outcome.failed.append((name, message))
        elif status == "skipped":
            outcome.skipped.append((name, message))
    return outcome


def rename_suite(junit: Path, target: Path, suite: str) -> None:
    """Copies pytest's file under the kernel's name, so that reports of several kernels can be told apart."""
    tree = xml.parse(junit)
    for element in tree.iter("testsuite"):
        element.set("name", suite)
    for case in tree.iter("testcase"):
        case.set("classname", f"{suite}.{case.get('classname', '')}")
    tree.write(target, encoding="utf-8", xml_declaration=True)


def from_serial(lines: list[str], target: Path, suite: str, cause: str) -> None:
    """For a guest that died or hung before pytest wrote its file: each test that was seen, the last one failed."""
    seen: dict[str, str] = {}
    for line in lines:
        match = _VERBOSE_LINE.match(line)
        if match:
            seen[match["id"]] = match["outcome"] or ""
    root = xml.Element("testsuites")
    element = xml.SubElement(root, "testsuite", name=suite)
    for identity, outcome in seen.items():
        case = xml.SubElement(element, "testcase", classname=suite, name=identity.split("::", 1)[1])
        if outcome == "SKIPPED":
            xml.SubElement(case, "skipped", message="the reason was lost with the guest")
        elif outcome in ("FAILED", "ERROR", "XPASS"):
            xml.SubElement(case, "failure", message="see the serial log")
        elif not outcome:
            xml.SubElement(case, "failure", message=f"{cause} during this test")
    if not any(not outcome for outcome in seen.values()):
        case = xml.SubElement(element, "testcase", classname=suite, name="guest")
        xml.SubElement(case, "failure", message=f"{cause} outside any test")
    xml.ElementTree(root).write(target, encoding="utf-8", xml_declaration=True)
