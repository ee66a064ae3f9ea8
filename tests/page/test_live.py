"""The page of a watch that goes on: it asks for its data each second, and what one looks at stays."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator

import pytest


class Watch:
    """Serves the live page, and the data that stands in `hits`."""

    def __init__(self, made) -> None:
        self.made = made
        self.case = "data-live"
        self.hits = 1000
        self.asked: list[str | None] = []
        watch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/":
                    body, kind = made("live-page", 0).read_bytes(), "text/html; charset=utf-8"
                else:
                    watch.asked.append(self.headers.get("Authorization"))
                    body, kind = made(watch.case, watch.hits).read_bytes(), "application/json"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def watch(made) -> Iterator[Watch]:
    for case, hits in (("live-page", 0), ("data-live", 1000), ("data-live", 2000), ("data-plain", 2000)):
        made(case, hits)
    served = Watch(made)
    yield served
    served.stop()


def shown_hits(browser) -> str:
    return browser.script("return document.querySelector('.figure b')?.textContent ?? ''")


def test_new_data_comes_and_what_one_looks_at_stays(browser, watch):
    browser.open(watch.url)
    browser.wait(lambda: shown_hits(browser) == "1,000")
    assert browser.one(".live").text == "live"
    browser.focus(".timeline")
    browser.keys("+", "+")
    before = [browser.one(".timeline").get_attribute(name) for name in ("data-from", "data-to")]
    browser.one("#rows-search").send_keys("withdraw")
    frame = browser.script("return [...document.querySelectorAll('.flame g')].find((g) => g.getAttribute('name') === 'ledger')")
    browser.script("arguments[0].dispatchEvent(new MouseEvent('click', { bubbles: true }))", frame)
    browser.script("document.querySelector('.open').click()")
    browser.script("window.scrollTo(0, 700); document.querySelector('.rows').scrollTop = 260")

    watch.hits = 2000
    browser.wait(lambda: shown_hits(browser) == "2,000")
    assert [browser.one(".timeline").get_attribute(name) for name in ("data-from", "data-to")] == before
    assert browser.one("#rows-search").get_attribute("value") == "withdraw"
    assert all("withdraw" in row for row in browser.texts("#hits .window .row"))
    assert browser.one(".flame").get_attribute("data-zoomed") == "ledger"
    assert browser.one(".open").get_attribute("aria-expanded") == "true"
    assert browser.script("return document.querySelector('.rows').scrollTop") == 260
    assert browser.script("return window.scrollY") == 700
    assert set(watch.asked) == {"Bearer secret"}
    assert all(url.startswith((watch.url, "data:")) for url in browser.requests())
    assert browser.witness() == {"dialogs": [], "violations": [], "errors": []}


def test_the_end_of_the_watch_ends_the_questions(browser, watch):
    browser.open(watch.url)
    browser.wait(lambda: shown_hits(browser) == "1,000")
    watch.case, watch.hits = "data-plain", 2000
    browser.wait(lambda: shown_hits(browser) == "2,000")
    assert not browser.all(".live") and "ended" in browser.one(".facts").text
    assert browser.script("return document.querySelector('.note').hidden")


def test_a_watch_that_does_not_answer_is_told(browser, watch):
    browser.open(watch.url)
    browser.wait(lambda: shown_hits(browser) == "1,000")
    watch.server.socket.close()
    browser.wait(lambda: "cannot be asked" in browser.one(".note").text)
    assert shown_hits(browser) == "1,000"
