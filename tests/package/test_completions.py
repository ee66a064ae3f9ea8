"""What the shells offer, asked of the real shells."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from conftest import TREE
from keeper_run import Keepers
from stakeout_run import BINARY

COMPLETIONS = TREE / "packaging" / "completions"


@pytest.fixture
def shell_path(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "stakeout").symlink_to(BINARY)
    yield f"{tmp_path}:/usr/bin:/bin"


def ask(words: list[str], **environment: str) -> list[str]:
    told = subprocess.run([BINARY, "complete", "--", *words], capture_output=True, text=True, check=True,
                          env=environment or None)
    return [line.split("\t")[0] for line in told.stdout.splitlines()]


def bash(line: str, path: str) -> list[str]:
    script = f"""
    source {COMPLETIONS}/stakeout.bash
    COMP_LINE='{line}'
    read -ra COMP_WORDS <<<"${{COMP_LINE//=/ = }}"
    [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _stakeout
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env={"PATH": path})
    return done.stdout.split("\n")[:-1]


def fish(line: str, path: str) -> list[str]:
    script = f"source {COMPLETIONS}/stakeout.fish; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True,
                          env={"PATH": path, "HOME": "/tmp"})
    return [offered.split("\t")[0] for offered in done.stdout.splitlines()]


def zsh(line: str, path: str) -> list[str]:
    """The function itself in a real zsh; the two functions of its completion system that it calls are stood in for."""
    words = line.split(" ")
    script = f"""
    _describe() {{ print -l -- "${{offered[@]}}" }}
    _files() {{ print -r -- ':files' }}
    words=({' '.join(repr(word) for word in words)})
    CURRENT={len(words)}
    source {COMPLETIONS}/_stakeout
    """
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True, env={"PATH": path})
    return [offered.replace("\\:", "\0").split(":")[0].replace("\0", ":") for offered in done.stdout.splitlines() if offered]


SHELLS = [pytest.param(shell, id=shell.__name__) for shell in (bash, zsh, fish)]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_offer_commands_options_symbols_and_words(shell: Any, shell_path: str) -> None:
    assert {"list", "last"} <= set(shell("stakeout l", shell_path))
    assert "--symbol" in shell("stakeout watch --sy", shell_path)
    assert "jiffies_to_msecs" in shell("stakeout watch --symbol jiffies_to_m", shell_path)
    assert set(shell("stakeout watch --color ", shell_path)) == {"auto", "always", "never"}
    assert "stomp" in shell("stakeout diagnose sto", shell_path)


def test_running_watches_are_offered() -> None:
    with Keepers() as keepers:
        keepers.start("--symbol", "jiffies_64", name="offered")
        for command in ("renew", "remove", "show", "tail"):
            assert ask([command, ""], **keepers.environment) == ["offered"]
        assert "offered" in ask(["report", "off"], **keepers.environment)
        assert keepers.command("remove", "offered").returncode == 0


def test_files_are_left_to_the_shell() -> None:
    assert ask(["watch", "--script", ""]) == [":files"]
    assert ":files" in ask(["report", ""])
    assert ask(["watch", "--", ""]) == [":files"]
    assert ask(["watch", "--color=a"]) == ["--color=auto", "--color=always"]
