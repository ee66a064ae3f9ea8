"""The report's page in a real Chromium, with data that the real code made from a made watch.

    /usr/bin/python3 -m pytest -p no:cacheprovider tests/page
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
MAKE_REPORT = TREE / "build" / "tests" / "page" / "make_report"
SCREENSHOTS = TREE / "build" / "results" / "screenshots"
sys.path.insert(0, str(HERE))

from browser import Browser  # noqa: E402


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """made("plain", 9000): that report as a file; each is made once."""
    folder = tmp_path_factory.mktemp("reports")

    def make(case: str, hits: int) -> Path:
        path = folder / f"{case}-{hits}.html"
        if not path.exists():
            subprocess.run([MAKE_REPORT, case, str(hits), path], check=True, timeout=120, stdout=subprocess.DEVNULL)
        return path

    return make


@pytest.fixture(scope="session")
def data_of(made: Callable[[str, int], Path]) -> Callable[[str, int], Any]:
    return lambda case, hits: json.loads(made(f"data-{case}", hits).read_text())


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """As new: size, colours, scripts allowed, nothing remembered."""
    chromium.scripts(True)
    chromium.media()
    chromium.resize(1280, 900)
    chromium.open("about:blank")
    return chromium


@pytest.fixture(scope="session")
def screenshots() -> Path:
    return SCREENSHOTS
