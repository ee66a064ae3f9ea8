"""A report of a million hits: what counting them costs, how large the page is, and when a browser shows it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from programs import ROOT
from table import Row

sys.path.insert(0, str(ROOT / "tests" / "page"))

MAKE_REPORT = ROOT / "build" / "tests" / "page" / "make_report"
MOST_SECONDS, MOST_MB, MOST_PAINT_MS = 5, 5, 1000

FIRST_PAINT = """
const paint = performance.getEntriesByType("paint").find((entry) => entry.name === "first-contentful-paint");
return paint ? paint.startTime : null;
"""


def _first_paints(page: Path, profile: Path, rounds: int) -> list[float]:
    from browser import Browser  # only here: selenium is not needed for the other parts

    browser = Browser(profile)
    try:
        times = []
        for _ in range(rounds):
            browser.open("about:blank")
            browser.open_ready(page)
            browser.wait(lambda: browser.script(FIRST_PAINT) is not None)
            times.append(browser.script(FIRST_PAINT))
        return times
    finally:
        browser.quit()


def report(quick: bool) -> list[Row]:
    hits = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        told = [
            json.loads(subprocess.run([MAKE_REPORT, "plain", str(hits), page], check=True, capture_output=True, text=True).stdout)
            for _ in range(1 if quick else 5)
        ]
        each_ns = statistics.median(one["feed_ns_per_hit"] for one in told)
        page_ms = statistics.median(one["report_ms"] for one in told)
        seconds, size_mb = (each_ns * hits / 1e6 + page_ms) / 1e3, told[0]["bytes"] / 2**20
        paint_ms = statistics.median(_first_paints(page, Path(folder) / "profile", 2 if quick else 7))
    what = f"report of {hits:,} hits"
    return [
        Row(f"{what}: counted and written as a page", f"{seconds:.2f} s ({each_ns:.0f} ns a hit, {page_ms:.0f} ms the page)",
            f"at most {MOST_SECONDS} s", seconds <= MOST_SECONDS),
        Row(f"{what}: size of the page", f"{size_mb:.1f} MB", f"at most {MOST_MB} MB", size_mb <= MOST_MB),
        Row(f"{what}: first paint of what it says, in Chromium", f"{paint_ms:.0f} ms", f"at most {MOST_PAINT_MS} ms",
            paint_ms <= MOST_PAINT_MS),
    ]
