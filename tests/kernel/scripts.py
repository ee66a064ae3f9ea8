"""What the tests of monitor scripts share."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_state
from actor import Actor
from stakeout_run import Record, Watch, run, wait_until

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def of_actor(actor: Actor, script: str | Path, *options: str, **parameters: object) -> Watch:
    """A watch of the first 8 bytes of the actor's memory. A script without a folder is one of tests/scripts."""
    file = script if isinstance(script, Path) else SCRIPTS / script
    given = [text for name, value in parameters.items() for text in ("--param", f"{name}={value}")]
    return Watch("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--w", "--script", str(file),
                 *given, *options)


def memory(actor: Actor, address: int, length: int) -> bytes:
    with open(f"/proc/{actor.pid}/mem", "rb", buffering=0) as file:
        file.seek(address)
        return file.read(length)


def bpftool(*arguments: str) -> list[Record]:
    found = json.loads(subprocess.run(["bpftool", "-j", *arguments], capture_output=True, text=True, check=True).stdout)
    assert isinstance(found, list), found
    return found


def no_task_context() -> str:
    """Why no script can run in a task's context here, or nothing."""
    said = run("check", str(SCRIPTS / "in_task.c"))
    if said.returncode == 0:
        return ""
    assert "no task context" in said.stderr, said.stderr
    return said.stderr.strip()


class NothingLeft:
    """A context manager: afterwards the kernel has no BPF program or map that it had not before."""

    def __enter__(self) -> "NothingLeft":
        self._programs, self._maps = kernel_state.bpf_program_ids(), kernel_state.bpf_map_ids()
        return self

    def __exit__(self, *_: object) -> None:
        wait_until(lambda: kernel_state.bpf_program_ids() <= self._programs, "no BPF program is left")
        wait_until(lambda: kernel_state.bpf_map_ids() <= self._maps, "no BPF map is left")
