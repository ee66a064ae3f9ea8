"""Names from the watched machine are hostile. Nothing of them runs, nothing is asked for, and they are shown as they
are."""

from __future__ import annotations

import pytest

HITS = 3000
QUIET = {"dialogs": [], "violations": [], "errors": []}


def assert_nothing_ran(browser):
    assert browser.script("return window.canary") is None
    assert browser.witness() == QUIET
    # What our own page consists of, and nothing else.
    assert browser.script("return document.querySelectorAll('script').length") == 3
    assert browser.script("return document.querySelectorAll('img, iframe, object, embed, form, style ~ style, svg svg').length") == 0
    assert browser.script(
        """return [...document.querySelectorAll("*")].flatMap((one) => [...one.attributes])
             .filter((one) => one.name.startsWith("on") || (/href|src|action|data$|style/.test(one.name) && /javascript:|canary/i.test(one.value)))
             .map((one) => `${one.name}=${one.value}`)"""
    ) == []


def test_nothing_of_hostile_names_runs_and_nobody_is_asked(browser, made, data_of, screenshots):
    page = made("hostile", HITS)
    data = data_of("hostile", HITS)
    browser.open_ready(page)
    assert_nothing_ran(browser)
    assert browser.one("#verdict h1").text.startswith("<img src=x onerror=window.canary=1> and 1 more")
    # Every part that shows names, used.
    browser.one("#rows-search").send_keys("script")
    browser.script("document.querySelectorAll('.open').forEach((button) => button.click())")
    browser.script("document.querySelector('#hits .window .row').click()")
    browser.one("#flame-search").send_keys("<script>")
    for frame in browser.script("return [...document.querySelectorAll('.flame g')].slice(0, 40)"):
        browser.script("arguments[0].dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))", frame)
    browser.script("document.querySelector('.flame g').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    browser.script("document.querySelectorAll('#writers .quiet, #looks .quiet').forEach((button) => button.click())")
    for section in ("verdict", "timeline", "flame", "writers", "looks", "coverage", "hits"):
        assert browser.one(f"#{section}").text.strip(), section
    assert len(browser.all(".look")) == len(data["looks"])
    assert_nothing_ran(browser)
    assert [url for url in browser.requests() if url != page.as_uri() and not url.startswith("data:")] == []
    browser.picture(screenshots / "hostile.png")


def test_what_would_steer_the_text_is_made_visible(browser, made):
    browser.open_ready(made("hostile", HITS))
    text = browser.script("return document.getElementById('page').textContent")
    assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u2028\u2029")
    assert "\\u202egnitirw" in text and "\\x1b[2J" in text


def test_names_of_any_length_keep_the_file_small(made, data_of):
    # The names that are 64 KiB long are there, clipped.
    data = data_of("hostile", HITS)
    longest = max(len(frame.get("m", "")) for frame in data["frames"])
    assert 500 < longest < 600
    assert any(name.startswith("<<<<") for name in data["strings"]) and max(len(name) for name in data["strings"]) < 600
    assert made("hostile", HITS).stat().st_size < 5 << 20


def test_nothing_is_wider_than_a_small_screen(browser, made):
    browser.resize(390, 844)
    browser.open_ready(made("hostile", HITS))
    assert browser.script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("case", ["plain", "hostile"])
def test_the_essentials_are_there_without_javascript(browser, made, data_of, case, screenshots):
    browser.scripts(False)
    browser.open(made(case, HITS))
    browser.picture(screenshots / f"without-javascript-{case}.png")
    data = data_of(case, HITS)
    # Nothing of the page can be asked while its scripts are off; the essentials stay in the document, hidden.
    shown = browser.command("Runtime.evaluate", expression="document.querySelector('#essentials').innerText")["result"]["value"]
    for figure in (f"{HITS:,}", f"{data['counts']['hits']:,}", "Lost for want of room", "CPUs, with 1 change of coverage"):
        assert figure in shown, figure
    assert shown.count("write") >= 2
    if case == "plain":
        assert data["summary"]["headline"] in shown and "deposit" in shown and "src/ledger.c:39" in shown
    else:
        assert "<img src=x onerror=window.canary=1>" in shown and "\u202e" not in shown and "\x1b" not in shown
    assert browser.command("Runtime.evaluate", expression="document.querySelectorAll('#essentials img, #essentials script').length")["result"]["value"] == 0


def test_the_witness_sees_what_it_must(browser, made):
    """A test of the tests: what hostile names try is blocked by the policy, and noticed, where markup does get in."""
    browser.open_ready(made("plain", 100))
    browser.script("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.canary=1>')")
    browser.wait(lambda: browser.witness()["violations"])
    assert browser.script("return window.canary") is None
    with pytest.raises(AssertionError):
        assert_nothing_ran(browser)
