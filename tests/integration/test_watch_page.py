"""The page of `hashtide watch` in a real Chromium, on counts in a real Elasticsearch."""

import contextlib
import http.client
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from deploy.local.stack import Addresses
from tests.fakes.unruly import Unruly, answers, in_background
from tests.integration import browser
from tests.integration.counted import empty, gap, posts, put, tag

MINUTE = 60_000
XSS = "<img src=x onerror=window.hacked=1>"
ARABIC = "وأنا_أيضا"
OVERRIDE = "safe\u202egnp.exe"


@pytest.fixture(scope="module")
def proxy(stack: Addresses) -> Iterator[Unruly]:
    """What the page takes for Elasticsearch: the real one, which can be taken away."""
    empty(stack.elasticsearch)
    with in_background(Unruly(stack.elasticsearch)) as proxy:
        yield proxy
    empty(stack.elasticsearch)


@pytest.fixture(scope="module")
def now_ms() -> int:
    """The start of the minute before the one that is running."""
    return (time.time_ns() // 1_000_000 // MINUTE - 1) * MINUTE


@pytest.fixture(scope="module")
def address(proxy: Unruly, stack: Addresses, now_ms: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is."""
    put(
        stack.elasticsearch,
        [
            *[posts(now_ms - back * MINUTE, 100 - back, region="IN") for back in range(0, 50)],
            *[posts(now_ms - back * MINUTE, 20, language="it", region="IT", kind="quote") for back in range(0, 50)],
            posts(now_ms - 3 * MINUTE, 30, language=XSS, region=XSS, status="provisional"),
            posts(now_ms - 3 * MINUTE, 25, language="ar", region="EG"),
            *[tag(now_ms - back * MINUTE, 90, "metoo") for back in range(0, 50)],
            tag(now_ms - 2 * MINUTE, 1_234, XSS),
            tag(now_ms - 2 * MINUTE, 77, ARABIC),
            tag(now_ms - 2 * MINUTE, 66, OVERRIDE),
            gap(now_ms - 20 * MINUTE, now_ms - 18 * MINUTE, XSS, 12),
        ],
    )
    folder = tmp_path_factory.mktemp("watch")
    with serving(proxy.url, folder) as (_, address):
        yield address
        assert list(folder.iterdir()) == [folder / "log"]  # it keeps nothing on the disk


@contextlib.contextmanager
def serving(url: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`hashtide watch`, as a process, and its address. Leaving ends it as Ctrl-C does, which must go well."""
    environment = {"HASHTIDE_ELASTICSEARCH": url, "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "operations.cli", "watch", "--port=0"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"watch at (http://127\.0\.0\.1:\d+/)\n", line)
        assert found, (line, (folder / "log").read_text())
        yield process, found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0, (folder / "log").read_text()
        assert "Traceback" not in (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    with browser.chromium() as driver:
        yield driver


@pytest.fixture
def page(chromium: webdriver.Chrome, address: str) -> webdriver.Chrome:
    """The page, with its numbers there."""
    browser.resize(chromium, 1280, 900)
    browser.colours(chromium, "light")
    chromium.get(address)
    until(lambda: bars(chromium, "#0072B2") > 40)
    return chromium


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.1)


def bars(driver: webdriver.Chrome, colour: str) -> int:
    """How many shapes of a colour the chart has."""
    return len(driver.find_elements(By.CSS_SELECTOR, f'.chart svg path[fill="{colour}"]'))


def text(driver: webdriver.Chrome, selector: str) -> str:
    return driver.find_element(By.CSS_SELECTOR, selector).text


def choose(driver: webdriver.Chrome, name: str, value: str) -> None:
    driver.find_element(By.CSS_SELECTOR, f'input[name="{name}"][value="{value}"]').click()


def run(driver: webdriver.Chrome, script: str) -> Any:
    return driver.execute_script(f"return {script}")


CHART = 'getElement(document.querySelector(".nicegui-echart").id.slice(1)).chart'
LAST_STEP = f"{CHART}.getOption().xAxis[0].data.length - 1"
SEEN = "(e => e.type === 'radio' ? e.nextElementSibling : e)(document.activeElement)"
"""What shows that an element has the focus: of a radio button, its label's text."""
IN_VIEW = ".figures .figure:nth-child(3) .number"


def test_chart_figures_and_tables_are_there(page: webdriver.Chrome) -> None:
    assert text(page, "#chart-title") == "Posts per minute, by language"
    assert text(page, ".main-figure h2") == "Replies per minute"
    assert [heading.text for heading in page.find_elements(By.CSS_SELECTOR, ".tables caption")] == [
        "Languages",
        "Regions",
        "Hashtags",
        "Kinds of post",
    ]
    first = [cell.text for cell in page.find_elements(By.CSS_SELECTOR, ".tables tbody tr:first-child > *")][:3]
    assert first == ["English", "3,775", "78 %"]
    assert run(page, 'getComputedStyle(document.querySelector(".tables td")).textAlign') == "right"
    assert text(page, IN_VIEW) == "4,830"
    assert "UTC" in text(page, ".updated")
    assert text(page, ".pair .card p") == "99 % final, 1 % provisional, 0 % corrected"


def test_gaps_are_in_the_chart_and_listed(page: webdriver.Chrome) -> None:
    assert bars(page, "rgb(213,94,0)") == 2
    assert "1 gap in this time: posts may be missing." in text(page, ".pair")
    assert XSS in text(page, ".gaps")


def test_switched_to_region_the_chart_is_by_region_and_the_address_says_so(page: webdriver.Chrome) -> None:
    choose(page, "by", "region")
    until(lambda: text(page, "#chart-title") == "Posts per minute, by region")
    assert "India" in text(page, ".legend")
    assert "by=region" in page.current_url
    page.refresh()
    until(lambda: bars(page, "#0072B2") > 40)
    assert text(page, "#chart-title") == "Posts per minute, by region"


def test_it_follows_by_itself_and_leaves_zoom_and_elements_alone(
    page: webdriver.Chrome, stack: Addresses, now_ms: int
) -> None:
    run(page, f'{CHART}.dispatchAction({{type: "dataZoom", start: 50, end: 90}})')
    row = page.find_element(By.CSS_SELECTOR, ".tables tbody tr")
    before = text(page, IN_VIEW)
    put(stack.elasticsearch, [posts(now_ms - MINUTE, 5_000, region="IN")])
    until(lambda: text(page, IN_VIEW) != before)
    assert int(text(page, IN_VIEW).replace(",", "")) > 9_000
    assert run(page, f"{CHART}.getOption().dataZoom.map(zoom => [zoom.start, zoom.end])") == [[50, 90], [50, 90]]
    assert "English" in row.text  # the same element, not another in its place
    assert "ago" in text(page, ".health")


def test_hostile_text_is_text_in_tables_legend_gaps_and_tooltip(page: webdriver.Chrome) -> None:
    tags = {tag.text for tag in page.find_elements(By.CSS_SELECTOR, ".tables tbody th bdi")}
    assert {f"#{XSS}", f"#{ARABIC}", "#safe‹U+202E›gnp.exe"} <= tags
    assert XSS in text(page, ".legend")
    # Now is the last step, the newest minute the one before it: the hostile language is three further back.
    run(page, f'{CHART}.dispatchAction({{type: "showTip", seriesIndex: 0, dataIndex: {LAST_STEP} - 4}})')
    until(lambda: XSS in run(page, 'document.querySelector(".chart svg").textContent'))
    assert run(page, 'document.querySelectorAll("img").length') == 0
    assert run(page, "window.hacked") is None
    assert run(page, '[...document.querySelectorAll(".tables th[scope=row]")].every(e => e.querySelector("bdi"))')
    assert run(page, 'getComputedStyle(document.querySelector(".tables bdi")).unicodeBidi') == "isolate"


def test_the_keyboard_reaches_every_control_in_order_and_the_focus_is_seen(page: webdriver.Chrome) -> None:
    names, outlines = [], []
    for _ in range(6):
        ActionChains(page).send_keys(Keys.TAB).perform()
        names.append(run(page, "document.activeElement.name || document.activeElement.tagName"))
        outlines.append(run(page, f"getComputedStyle({SEEN}).outlineStyle"))
    assert names == ["theme", "SELECT", "SELECT", "span", "by", "SUMMARY"]
    assert outlines == ["solid"] * 6
    labels = "e => (e.labels && e.labels[0] && e.labels[0].textContent.trim()) || e.textContent"
    assert run(page, f'[...document.querySelectorAll("select, input")].every(e => ({labels})(e))')


def test_with_the_keyboard_alone_another_time_is_chosen_and_the_table_opened(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, 'input[name="span"]:checked').send_keys(Keys.ARROW_LEFT)
    until(lambda: len(run(page, f"{CHART}.getOption().xAxis[0].data")) == 15)
    page.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
    until(lambda: len(page.find_elements(By.CSS_SELECTOR, ".steps tbody tr:not(.hidden)")) == 15)
    headings = [heading.text for heading in page.find_elements(By.CSS_SELECTOR, ".steps thead th")]
    assert headings[:3] == ["Time (UTC)", "All", "English"]


def test_on_a_phone_nothing_scrolls_sideways(page: webdriver.Chrome) -> None:
    browser.resize(page, 360, 740)
    page.refresh()
    until(lambda: bars(page, "#0072B2") > 40)
    page.find_element(By.CSS_SELECTOR, "summary").click()
    until(lambda: len(page.find_elements(By.CSS_SELECTOR, ".steps tbody tr")) > 50)
    assert run(page, "document.documentElement.scrollWidth") <= 360
    assert run(page, 'document.querySelector(".chart svg").getBoundingClientRect().width') > 290


CONTRAST = """
(() => {
  const light = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const of = (ink, ground) => {
    const [a, b] = [light(getComputedStyle(document.querySelector(ink)).color),
                    light(getComputedStyle(document.querySelector(ground)).backgroundColor)].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
  };
  return [of(".card .quiet", ".card"), of(".number", ".figure"), of(".updated", "body"), of("summary", ".card"),
          of(".segments input:checked + span", ".segments input:checked + span")];
})()
"""
"""Contrast of text to what is behind it (WCAG 2.2, 1.4.3)."""


def test_dark_follows_the_system_and_can_be_chosen_and_is_readable(page: webdriver.Chrome) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(244, 246, 248)", "rgb(18, 22, 26)"
    until(lambda: run(page, ground) == light)
    assert min(run(page, CONTRAST.strip())) >= 4.5
    browser.colours(page, "dark")
    until(lambda: run(page, ground) == dark)
    assert min(run(page, CONTRAST.strip())) >= 4.5
    choose(page, "theme", "light")
    until(lambda: run(page, ground) == light)
    choose(page, "theme", "dark")
    until(lambda: run(page, ground) == dark)


def test_without_elasticsearch_the_page_says_so_keeps_its_numbers_and_comes_back(
    page: webdriver.Chrome, proxy: Unruly
) -> None:
    before = text(page, ".tables tbody tr")
    proxy.always = answers(503)
    until(lambda: "Elasticsearch answers with an error (status 503)" in text(page, "[role=alert]"))
    assert text(page, ".tables tbody tr") == before
    proxy.always = None
    until(lambda: not page.find_element(By.CSS_SELECTOR, "[role=alert]").is_displayed())


def test_no_request_leaves_this_machine_and_the_console_is_quiet(page: webdriver.Chrome, address: str) -> None:
    asked = browser.requests(page)
    assert len(asked) > 10
    elsewhere = [url for url in asked if not url.startswith((address, address.replace("http", "ws"), "data:"))]
    assert elsewhere == []
    assert [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]


def another(page: webdriver.Chrome, updated: str) -> bool:
    """Whether the page shows a view of another moment."""
    return text(page, ".updated") != updated


def test_many_who_look_share_what_is_asked(page: webdriver.Chrome, address: str, proxy: Unruly) -> None:
    first = page.current_window_handle
    for _ in range(4):
        page.switch_to.new_window("tab")
        page.get(address)
        until(lambda: bars(page, "#0072B2") > 40)
    proxy.bodies.clear()
    for _ in range(3):  # this page updates three times, the others about as often
        before = text(page, ".updated")
        until(partial(another, page, before))
    views = len(proxy.bodies) / 3  # requests a view
    for window in page.window_handles:
        if window != first:
            page.switch_to.window(window)
            page.close()
    page.switch_to.window(first)
    assert 0 < views <= 8  # by themselves, five pages would ask eleven times or more


def answer(address: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def test_names_and_sites_that_are_not_its_own_are_refused(address: str) -> None:
    assert answer(address, "/") == 200
    assert answer(address, "/", Host="evil.example") == 421
    assert answer(address, "/", Origin="http://evil.example") == 403
    assert answer(address, "/?by=%3Cscript%3E&span=9y&campaign=%00&theme=x") == 200


def test_nothing_is_served_but_its_own(address: str) -> None:
    for path in ("/docs", "/openapi.json", "/etc/passwd", "/_nicegui/../../../../etc/passwd", "/.env", "/log"):
        assert answer(address, path) == 404, path


def test_a_port_that_is_taken_is_named(address: str) -> None:
    port = address.rstrip("/").rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "operations.cli", "watch", f"--port={port}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"hashtide: can't listen on 127.0.0.1:{port} (Address already in use): "
        "give another --port, or 0 for any free one\n"
    )
