#!/usr/bin/env python3
"""Writes the option lists of the manual pages, out of the program's own description of its commands.

    docs/man/options.py build/stakeout           rewrites what stands between the marks in docs/man/*.1
    docs/man/options.py --check build/stakeout   says which pages are out of date; exit status 1 if any is

A page's list stands between the lines  .\\" options: COMMAND  and  .\\" end of options .
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARKS = re.compile(r'(\.\\" options: ([a-z ]+)\n)(.*?)(\.\\" end of options\n)', re.DOTALL)
HELP = "--help"


def groff(text: str) -> str:
    """Text as groff prints it: no hyphen turned into a dash, no line taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def command_named(tree: dict[str, Any], name: str) -> dict[str, Any]:
    for word in name.split():
        tree = next(command for command in tree["commands"] if command["name"] == word)
    return tree


def value_word(option: dict[str, Any]) -> str:
    return {"file": "FILE", "watch": "WATCH", "watch-or-file": "FILE|WATCH", "symbol": "SYMBOL", "pid": "PID",
            "duration": "DURATION", "choice": "WORD"}.get(option["kind"], "VALUE")


def one_option(option: dict[str, Any]) -> str:
    if option["names"][0].startswith("-"):
        names = ", ".join(f"\\fB{groff(name)}\\fR" for name in reversed(option["names"]))
        if option["takes_value"]:
            names += f" \\fI{value_word(option)}\\fR"
    else:
        names = f"\\fI{groff(option['names'][0].upper())}\\fR"
    text = groff(option["description"]) + "."
    if option["default"] and option["default"] != "false":
        text += f" Without it: \\fB{groff(option['default'])}\\fR."
    return f".TP\n{names}\n{text}\n"


def options_of(command: dict[str, Any]) -> str:
    return "".join(one_option(option) for option in command["options"] if HELP not in option["names"])


def rewritten(page: str, tree: dict[str, Any]) -> str:
    def replace(match: re.Match[str]) -> str:
        return match.group(1) + options_of(command_named(tree, match.group(2))) + match.group(4)

    return MARKS.sub(replace, page)


def main(arguments: list[str]) -> int:
    check = arguments[:1] == ["--check"]
    binary = arguments[-1]
    tree = json.loads(subprocess.run([binary, "describe"], capture_output=True, text=True, check=True).stdout)
    stale = []
    for path in sorted(Path(__file__).parent.glob("*.1")):
        page = path.read_text(encoding="utf-8")
        new = rewritten(page, tree)
        if new == page:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(new, encoding="utf-8")
    if stale:
        print(("out of date: " if check else "rewritten: ") + ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
