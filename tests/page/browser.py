"""A real Chromium without a window, and what it did: scripts that ran, dialogs, violations, requests."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Callable

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

# Before anything of the page runs: whoever opens a dialog or violates the policy is written down.
WITNESS = """
window.witness = { dialogs: [], violations: [], errors: [] };
for (const kind of ["alert", "confirm", "prompt"])
  window[kind] = (text) => (window.witness.dialogs.push(`${kind}: ${text}`), null);
document.addEventListener("securitypolicyviolation", (event) =>
  window.witness.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
addEventListener("error", (event) => window.witness.errors.push(String(event.message)), true);
addEventListener("unhandledrejection", (event) => window.witness.errors.push(String(event.reason)));
"""


class Browser:
    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=WITNESS)
        self.resize(width, height)

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def quit(self) -> None:
        self.driver.quit()

    def resize(self, width: int, height: int) -> None:
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def media(self, **features: str) -> None:
        kind = features.pop("type", "")
        self.command(
            "Emulation.setEmulatedMedia",
            media=kind,
            features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()],
        )

    def scripts(self, allowed: bool) -> None:
        self.command("Emulation.setScriptExecutionDisabled", value=not allowed)

    def open(self, what: Path | str) -> None:
        self.driver.get_log("performance")  # what was before is not of this page
        self.driver.get(what if isinstance(what, str) else what.as_uri())

    def open_ready(self, what: Path | str) -> None:
        self.open(what)
        self.wait(lambda: self.script("return document.documentElement.dataset.ready") == "yes")
        # The flame graph's names come when its frames have moved.
        self.wait(lambda: self.script("return document.getAnimations().length") == 0)

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return self.script("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector)

    def keys(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def focus(self, selector: str) -> None:
        self.script("document.querySelector(arguments[0]).focus()", selector)

    @property
    def actions(self) -> ActionChains:
        return ActionChains(self.driver)

    def wait(self, until: Callable[[], Any], seconds: float = 10) -> None:
        """For what the page does by itself; fails when it has not come by then."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, "the page did not come to that"
            time.sleep(0.02)

    def witness(self) -> dict[str, list[str]]:
        return self.script("return window.witness")

    def requests(self) -> list[str]:
        """Addresses that the page has asked for, itself included."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def picture(self, path: Path, whole: bool = False) -> None:
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            self.resize(int(size["width"]), int(size["height"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(path))
