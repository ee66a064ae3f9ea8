"""Everything that the data says is on the page, and what can be done with it works, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.keys import Keys

HITS = 9000


def grouped(number: int) -> str:
    return f"{number:,}"


@pytest.fixture
def page(browser, made):
    browser.open_ready(made("plain", HITS))
    return browser


@pytest.fixture(scope="module")
def data(data_of):
    return data_of("plain", HITS)


def test_all_parts_are_filled_with_what_the_data_says(page, data, screenshots):
    assert page.one("#verdict h1").text == data["summary"]["headline"]
    assert page.texts("#verdict .lines li") == data["summary"]["lines"]
    figures = dict(zip(page.texts(".figure span"), page.texts(".figure b")))
    assert figures["hits"] == grouped(data["counts"]["shown"])
    assert figures["lost"] == grouped(data["counts"]["lost"])
    assert [text for text in page.texts(".targets strong")] == [target["name"] for target in data["watch"]["targets"]]
    assert page.script("return document.querySelectorAll('.plot canvas').length") == len(data["timeline"]["targets"]) + 1
    writers = page.all("#writers-table tbody > tr")
    assert len(writers) == len(data["writers"])
    for row, writer in zip(writers, data["writers"]):
        for what in (writer["function"], writer["where"], writer["instruction"], writer["access"], grouped(writer["hits"])):
            assert what in row.text, (what, row.text)
    assert len(page.all(".look")) == len(data["looks"])
    assert page.texts(".look dt")[:4] == [field["name"] for field in data["looks"][0]["fields"]]
    counts = dict(zip(page.texts(".counts th"), page.texts(".counts td.n")))
    assert counts["Lost"] == "12" and counts["Braked"] == "2" and counts["Hits seen by the watch"] == grouped(data["counts"]["hits"])
    assert len(page.all(".steps tbody tr")) == len(data["coverage"])
    first = page.one("#hits .window .row").text
    assert data["strings"][data["rows"]["comm"][0]] in first and data["strings"][data["rows"]["new"][0]] in first
    assert page.one("#rows-how").text == f"all {grouped(HITS)}"
    names = set(page.texts(".d3-flame-graph-label"))
    assert {"all", "ledger", "main", "deposit", "tick_account"} <= names
    assert page.witness() == {"dialogs": [], "violations": [], "errors": []}
    page.picture(screenshots / "report-1280.png")
    page.picture(screenshots / "report-whole.png", whole=True)


def test_a_dump_shows_its_bytes(page, data):
    snapshot = data["looks"][0]["snapshots"][0]
    dump = page.texts(".dump")[0]
    shown = "".join(re.findall(r"(?<![0-9a-fx])[0-9a-f]{2}(?![0-9a-f])", "\n".join(line[16:65] for line in dump.splitlines())))
    assert shown.startswith(snapshot["hex"][:32])
    assert snapshot["address"] in dump and "account 4711" in dump
    assert "0xdead0000 could not be read" in page.one(".look").text


def test_search_filters_the_rows(page, data):
    wanted = [i for i in range(HITS) if data["strings"][data["rows"]["function"][i]] == "settle_accounts"]
    page.one("#rows-search").send_keys("settle_accounts")
    page.wait(lambda: page.one("#rows-how").text.startswith(f"{grouped(len(wanted))} of"))
    shown = page.texts("#hits .window .row")
    assert shown and all("settle_accounts" in row for row in shown)
    page.one("#rows-search").send_keys(" postgres 0x7")
    page.wait(lambda: all("0x7" in row for row in page.texts("#hits .window .row")))
    page.one("#rows-search").send_keys(" nothing-of-that-name")
    page.wait(lambda: "No row matches" in page.one("#hits .window").text)


def test_rows_are_walked_by_keyboard_and_only_those_seen_exist(page, data):
    page.focus(".rows")
    page.keys(Keys.END)
    assert page.one(".is-selected span").text == grouped(data["rows"]["seq"][-1])
    page.keys(Keys.ARROW_UP, Keys.ENTER)
    assert page.one(".row-stack h3").text == f"Hit #{grouped(data['rows']['seq'][-2])}"
    innermost = data["stacks"][data["rows"]["stack"][-2]]
    frames = [data["frames"][i]["s"] for i in innermost["k"] + innermost["u"]]
    assert page.texts(".row-stack .symbol") == frames
    assert len(page.all("#hits .window .row")) < 60
    page.keys(Keys.HOME, Keys.PAGE_DOWN)
    assert int(page.one(".is-selected").get_attribute("data-place")) > 5


def test_a_writer_opens_by_keyboard(page, data):
    page.focus(".open")
    page.keys(Keys.ENTER)
    assert page.one(".open").get_attribute("aria-expanded") == "true"
    stack = data["stacks"][data["writers"][0]["stack"]]
    assert page.texts("#writers-table .details .symbol") == [data["frames"][i]["s"] for i in stack["k"] + stack["u"]]
    assert page.script("return document.activeElement.className") == "open"
    page.keys(Keys.ENTER)
    assert not page.all("#writers-table .details")


def shown_range(page):
    stage = page.one(".timeline")
    return float(stage.get_attribute("data-from")), float(stage.get_attribute("data-to"))


def test_the_time_line_zooms_by_mouse(page, data, screenshots):
    end = data["end_us"] / 1e6
    assert shown_range(page) == pytest.approx((0, end), abs=1e-5)
    plot = page.one(".plot .u-over")
    page.script("arguments[0].scrollIntoView({block: 'center'})", plot)
    width = plot.size["width"]
    page.actions.move_to_element_with_offset(plot, -width // 4, 0).click_and_hold().move_by_offset(width // 4, 0).release().perform()
    page.wait(lambda: shown_range(page)[1] < end * 0.9)
    start, stop = shown_range(page)
    assert start == pytest.approx(end * 0.25, rel=0.05) and stop == pytest.approx(end * 0.5, rel=0.05)
    page.picture(screenshots / "timeline-zoomed.png")
    page.actions.move_to_element(plot).double_click().perform()
    page.wait(lambda: shown_range(page) == pytest.approx((0, end), abs=1e-5))


def test_the_time_line_zooms_by_keyboard(page, data):
    end = data["end_us"] / 1e6
    page.focus(".timeline")
    page.keys("+")
    assert shown_range(page) == pytest.approx((end / 4, end * 3 / 4), rel=1e-6)
    page.keys(Keys.ARROW_RIGHT)
    assert shown_range(page) == pytest.approx((end * 3 / 8, end * 7 / 8), rel=1e-6)
    page.keys("-")
    assert shown_range(page) == pytest.approx((0, end), abs=1e-5)
    page.keys("+", "+", "0")
    assert shown_range(page) == pytest.approx((0, end), abs=1e-5)


def test_the_flame_graph_searches_and_zooms(page, data):
    page.one("#flame-search").send_keys("TICK")
    page.wait(lambda: "1 frames match" in page.one(".details").text)
    kernel = sum(child["v"] for task in data["flame"]["c"] for child in task["c"] if child["k"] == "kernel")
    assert grouped(kernel) in page.one(".details").text
    page.one("#flame-search").clear()
    frame = page.script("return [...document.querySelectorAll('.flame g')].find((g) => g.getAttribute('name') === 'kworker/u8:2')")
    page.script("arguments[0].dispatchEvent(new MouseEvent('click', { bubbles: true }))", frame)
    page.wait(lambda: page.one(".flame").get_attribute("data-zoomed") == "kworker/u8:2")
    page.wait(lambda: "deposit" not in [label for label in page.script(
        "return [...document.querySelectorAll('.flame g')].filter((g) => g.querySelector('rect').getBoundingClientRect().width > 2).map((g) => g.getAttribute('name'))")])
    page.focus(".flame")
    page.keys(Keys.ESCAPE)
    page.wait(lambda: "deposit" in page.texts(".d3-flame-graph-label"))


def test_the_flame_graph_is_walked_by_keyboard(page):
    page.focus(".flame")
    page.keys(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.one(".details").text.startswith("__libc_start_call_main")
    page.keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert page.one(".flame").get_attribute("data-zoomed") == "_start"


def brightness(page) -> float:
    numbers = re.findall(r"[\d.]+", page.script("return getComputedStyle(document.body).backgroundColor"))
    return sum(float(number) for number in numbers[:3]) / 3


def test_light_and_dark(page, screenshots):
    assert brightness(page) > 200
    page.media(prefers_color_scheme="dark")
    assert brightness(page) < 60
    page.picture(screenshots / "report-dark.png")
    page.one("#theme").click()
    assert brightness(page) > 200
    page.media()
    page.one("#theme").click()
    assert brightness(page) < 60
    page.driver.refresh()
    assert brightness(page) < 60
    page.script("localStorage.clear()")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser, made, width, screenshots):
    browser.resize(width, 844)
    browser.open_ready(made("plain", HITS))
    assert browser.script("return document.documentElement.scrollWidth") <= width
    browser.picture(screenshots / f"report-{width}.png")


def test_what_can_be_focused_has_a_name_and_the_first_is_the_way_past(page):
    page.keys(Keys.TAB)
    assert page.script("return document.activeElement.textContent") == "To the verdict"
    page.keys(Keys.ENTER)
    assert page.script("return document.activeElement.id") == "verdict"
    nameless = page.script(
        """return [...document.querySelectorAll("a, button, input, [tabindex='0']")].filter(
             (one) => !(one.textContent.trim() || one.getAttribute("aria-label"))).map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_print_leaves_out_what_only_a_screen_has(page):
    page.script("dispatchEvent(new Event('beforeprint'))")
    page.media(type="print")
    assert not page.one("nav").is_displayed() and not page.one("#rows-search").is_displayed()
    assert len(page.all("#hits .window .row")) == 60
    assert page.one("#verdict h1").is_displayed()
    assert brightness(page) == 255
    page.script("dispatchEvent(new Event('afterprint'))")


def test_a_watch_that_saw_nothing(browser, made):
    browser.open_ready(made("empty", 0))
    assert "no access was seen" in browser.one("#verdict h1").text
    assert "No access was seen" in browser.one("#writers").text and "No access was seen" in browser.one("#hits").text
    assert browser.witness() == {"dialogs": [], "violations": [], "errors": []}


def test_damage_is_told(browser, made):
    browser.open_ready(made("damaged", 500))
    assert "The recording is damaged: the file ends at byte 81234" in browser.one("#verdict").text
    assert any(line.startswith("Not complete") for line in browser.texts("#verdict .lines li"))
