"""The binaries under test, as dom0 and guests get them: stripped, with the libraries that are not there."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
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


def initrd(base: Path, output: Path, files: Iterable[Path], texts: dict[str, str] | None = None) -> Path:
    """`base` with the binaries in /bin, their libraries, and files with the texts given: a second archive behind the
    first, which the kernel unpacks over it."""
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        place = Path(scratch)
        to_folder(place, files)
        (place / "lib" / "x86_64-linux-gnu").mkdir()
        for library in place.glob("lib/*.so*"):
            library.rename(place / "lib" / "x86_64-linux-gnu" / library.name)
        (place / "lib64").mkdir()
        for loader in place.glob("lib/x86_64-linux-gnu/ld-linux*"):
            loader.rename(place / "lib64" / loader.name)
        for name, text in (texts or {}).items():
            (place / name).write_text(text)
        names = "\n".join(str(path.relative_to(place)) for path in sorted(place.rglob("*")))
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=place, input=names.encode(),
                                 stdout=subprocess.PIPE, check=True).stdout
    first = base.read_bytes()
    output.write_bytes(first + bytes(-len(first) % 4) + archive)  # archives begin at multiples of four
    return output
