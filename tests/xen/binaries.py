"""The binaries under test, as dom0 and guests get them: stripped, with the libraries that are not there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterable


def libraries(binary: Path) -> list[Path]:
    """What the dynamic linker would load, on this machine."""
    said = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return [Path(path) for path in re.findall(r"=> (/\S+)|^\s(/lib64/\S+)", said, re.MULTILINE) for path in path if path]


def stripped(binary: Path, place: Path) -> Path:
    """A copy without symbols: a build with its debug information is four times as large."""
    target = place / binary.name
    subprocess.run(["strip", "-o", target, binary], check=True)
    return target


def to_folder(folder: Path, files: Iterable[Path]) -> None:
    """FOLDER/bin and FOLDER/lib."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "lib").mkdir(exist_ok=True)
    for file in files:
        stripped(file, folder / "bin")
        for library in libraries(file):
            shutil.copy(library, folder / "lib")
