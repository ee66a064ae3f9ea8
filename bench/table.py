"""Rows of the result: what was measured, what must be reached, whether it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Row:
    what: str
    measured: str
    target: str
    met: bool | None  # None: shown beside, nothing to reach

    @property
    def verdict(self) -> str:
        return "" if self.met is None else "yes" if self.met else "**no**"


HEADINGS = ("what", "measured", "target", "met")


def as_markdown(rows: list[Row]) -> str:
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.target} | {row.verdict} |" for row in rows]
    return "\n".join(lines) + "\n"
