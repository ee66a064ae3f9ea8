"""--help, the manual pages and the completions tell of the same commands and options."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from stakeout_run import BINARY, run

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "man"
LONG_OPTION = re.compile(r"--[a-z][a-z-]*")


def offered(words: list[str]) -> list[str]:
    """What a shell would offer for the last word."""
    told = subprocess.run([BINARY, "complete", "--", *words], capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in told.stdout.splitlines()]


def commands(tree: dict[str, Any], name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for command in tree["commands"]:
        full = f"{name} {command['name']}".strip()
        yield full, command
        yield from commands(command, full)


TREE_OF_COMMANDS = json.loads(subprocess.run([BINARY, "describe"], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("name,command", [pytest.param(*one, id=one[0]) for one in commands(TREE_OF_COMMANDS)])
def test_help_manual_and_completions_agree(name: str, command: dict[str, Any]) -> None:
    options = {option["names"][0] for option in command["options"] if option["names"][0].startswith("--")}
    help_text = subprocess.run([BINARY, *name.split(), "--help"], capture_output=True, text=True, check=True).stdout
    in_help = {match for line in help_text.splitlines() if re.match(r"  -", line)
               for match in re.findall(r"--[a-z][a-z-]*", line.split("  ")[1])}
    assert in_help == options
    assert set(offered([*name.split(), "--"])) == options
    page = (MANUAL / f"stakeout-{name.replace(' ', '-')}.1").read_text().replace("\\-", "-")
    assert options - {"--help"} <= set(re.findall(r"--[a-z][a-z-]*", page)), "an option is not in the manual"
    all_options = {option["names"][0] for _, other in commands(TREE_OF_COMMANDS) for option in other["options"]}
    # Behind "-- ", and in an example, stand other programs' options.
    own = re.sub(r"-- .*", "", re.sub(r"\n\.nf\n.*?\n\.fi\n", "\n", page, flags=re.DOTALL))
    told = set(re.findall(r"--[a-z][a-z-]*", own)) - {"--help", "--version"}
    assert told <= all_options, "the manual tells of an option that no command has"


def test_the_manuals_option_lists_are_those_of_the_program() -> None:
    checked = subprocess.run(["/usr/bin/python3", "-B", str(MANUAL / "options.py"), "--check", BINARY],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + "`./dev manual` rewrites them"


def test_every_option_of_the_xen_bridge_is_in_its_manual() -> None:
    binary = Path(BINARY).with_name("stakeout-xen")
    if not binary.exists():
        pytest.skip("built without Xen's libraries")
    told = subprocess.run([binary, "watch", "--help"], capture_output=True, text=True, check=True).stdout
    listed = [line for line in told.splitlines() if line.startswith("  -")]
    options = {option for line in listed for option in LONG_OPTION.findall(line.split("  ")[1])} - {"--help"}
    page = set(LONG_OPTION.findall((MANUAL / "stakeout-xen.1").read_text(encoding="utf-8").replace("\\-", "-")))
    assert options and options <= page


def test_diagnose_page_names_every_recipe() -> None:
    text = (MANUAL / "stakeout-diagnose.1").read_text(encoding="utf-8").replace("\\-", "-")
    recipes = re.findall(r"^  ([a-z]+)  ", run("diagnose", "--help").stdout, re.MULTILINE)
    assert recipes
    for recipe in recipes:
        assert f"stakeout-diagnose-{recipe}" in text and (MANUAL / f"stakeout-diagnose-{recipe}.1").exists()


def test_main_page_names_every_command() -> None:
    text = (MANUAL / "stakeout.1").read_text(encoding="utf-8").replace("\\-", "-")
    for command in re.findall(r"^  ([a-z]+)  ", run("--help").stdout, re.MULTILINE):
        assert f"stakeout-{command}" in text
