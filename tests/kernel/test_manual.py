"""The manual pages and --help tell of the same options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from stakeout_run import BINARY, run

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "man"
LONG_OPTION = re.compile(r"--[a-z][a-z-]*")


def options_in_help(command: str) -> set[str]:
    told = run(*command.split("-"), "--help")
    assert told.returncode == 0
    listed = [line for line in told.stdout.splitlines() if line.startswith("  -")]
    return {option for line in listed for option in LONG_OPTION.findall(line.split("  ")[1])}


def options_in_page(command: str) -> set[str]:
    text = (MANUAL / f"stakeout-{command}.1").read_text(encoding="utf-8").replace("\\-", "-")
    return set(LONG_OPTION.findall(text))


@pytest.mark.parametrize("command", ["watch", "doctor", "slots", "report", "check", "compile", "diagnose-stomp", "diagnose-deadlock", "diagnose-refcount", "diagnose-leak"])
def test_every_option_of_help_is_in_the_manual(command: str) -> None:
    options = options_in_help(command) - {"--help"}
    assert options, "help lists no options"
    assert options <= options_in_page(command)


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
