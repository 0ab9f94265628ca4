"""The page of `hashtide watch` against who would make it run something, read it from elsewhere, or ask it for more."""

import contextlib
import http.client
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from deploy.local.stack import Addresses
from tests.fakes.unruly import Unruly, answers, in_background
from tests.integration import browser
from tests.integration.counted import empty, gap, posts, put, tag
from tests.integration.test_watch_page import MINUTE, run, serving, text, until

IMG = "<img src=x onerror=window.hacked=1>"
SCRIPT = "<script>window.hacked=1</script>"
QUOTES = "\"'`></option></select><svg onload=window.hacked=1>"
CALLS = "javascript:window.hacked=1//{{window.hacked=1}}${window.hacked=1}"
HOSTILE = (IMG, SCRIPT, QUOTES, CALLS)
SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}


@pytest.fixture(scope="module")
def proxy(stack: Addresses) -> Iterator[Unruly]:
    """What the page takes for Elasticsearch: the real one, or one that is hostile itself."""
    empty(stack.elasticsearch)
    minute = (time.time_ns() // 1_000_000 // MINUTE - 3) * MINUTE
    put(
        stack.elasticsearch,
        [
            document
            for hostile in HOSTILE
            for document in (
                posts(minute, 10, language=hostile, region=hostile, platform=hostile, campaigns=(hostile,)),
                tag(minute, 10, hostile, platform=hostile, campaigns=(hostile,)),
                gap(minute, minute + MINUTE, hostile),
            )
        ],
    )
    with in_background(Unruly(stack.elasticsearch)) as proxy:
        yield proxy
    empty(stack.elasticsearch)


@pytest.fixture(scope="module")
def address(proxy: Unruly, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(proxy.url, tmp_path_factory.mktemp("watch")) as (_, address):
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    with browser.chromium() as driver:
        yield driver


def harmless(page: webdriver.Chrome) -> None:
    """Nothing of it has run, or is anything but text."""
    until(lambda: run(page, "[...document.images].every(image => image.complete)"))  # or has said that it can't be
    assert run(page, "window.hacked") is None
    assert run(page, 'document.querySelectorAll("img, option *, bdi *, li svg, p *").length') == 0
    assert run(page, '[...document.scripts].filter(e => e.textContent.startsWith("window.hacked")).length') == 0
    assert [e["message"] for e in page.get_log("browser") if e["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]


def shown_in(page: webdriver.Chrome, selector: str) -> set[str]:
    return {element.get_attribute("textContent") or "" for element in page.find_elements(By.CSS_SELECTOR, selector)}


def test_hostile_campaigns_tags_languages_regions_and_sources_are_text(
    chromium: webdriver.Chrome, address: str
) -> None:
    chromium.get(address)
    until(lambda: text(chromium, ".figures .figure:nth-child(3) .number") == "40")
    assert shown_in(chromium, "select option") == {"all posts", "all platforms", *HOSTILE}
    cut = "javascript:window.hacked=1//{{window.hacked=1}}" + "…"
    names = {IMG, SCRIPT, QUOTES[:47] + "…", cut}
    assert names == shown_in(chromium, ".tables .card:nth-child(1) tbody bdi") - {"10", "25 %", "new"}
    assert {f"#{IMG}", f"#{SCRIPT}"} <= shown_in(chromium, ".tables tbody bdi")
    gaps = " ".join(shown_in(chromium, ".gaps li"))
    assert all(hostile[:40] in gaps for hostile in HOSTILE)
    harmless(chromium)


def test_who_chooses_a_hostile_campaign_sees_its_posts_and_the_address_has_its_name(
    chromium: webdriver.Chrome, address: str
) -> None:
    chromium.get(address)
    until(lambda: text(chromium, ".figures .figure:nth-child(3) .number") == "40")
    Select(chromium.find_element(By.CSS_SELECTOR, "select")).select_by_visible_text(QUOTES)
    until(lambda: text(chromium, ".figures .figure:nth-child(3) .number") == "10")
    until(lambda: parse_qs(urlsplit(chromium.current_url).query).get("campaign") == [QUOTES])
    chromium.refresh()
    until(lambda: text(chromium, ".figures .figure:nth-child(3) .number") == "10")
    harmless(chromium)


def test_a_hostile_link_to_the_page_is_a_question_without_an_answer(chromium: webdriver.Chrome, address: str) -> None:
    for name in ("campaign", "platform"):
        chromium.get(f"{address}?{urlencode({name: f'{QUOTES}{SCRIPT}', 'span': IMG, 'by': CALLS, 'theme': SCRIPT})}")
        until(lambda: "No posts of this campaign" in text(chromium, ".notice[role=status]"))
        assert f"{QUOTES}{SCRIPT}" in shown_in(chromium, "select option")
        harmless(chromium)


def test_what_a_hostile_elasticsearch_says_is_text(chromium: webdriver.Chrome, address: str, proxy: Unruly) -> None:
    chromium.get(address)
    until(lambda: text(chromium, ".figures .figure:nth-child(3) .number") == "40")
    proxy.always = answers(200, body=b'{"responses": [{"error": {"type": "%s"}}]}' % IMG.encode())
    until(lambda: text(chromium, "[role=alert]").startswith(f"Elasticsearch refused a search: {IMG}"))
    harmless(chromium)
    proxy.always = None
    until(lambda: not chromium.find_element(By.CSS_SELECTOR, "[role=alert]").is_displayed())


def asked(address: str, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """The status of an answer, and what it has of the headers that are to be there."""
    connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name: answer.getheader(name, "") for name in SAFE}


def test_every_answer_has_the_headers(address: str) -> None:
    assert asked(address, "GET", "/") == (200, SAFE)
    assert asked(address, "GET", "/nothing") == (404, SAFE)
    assert asked(address, "POST", "/") == (405, SAFE)
    assert asked(address, "GET", "/", Host="evil.example") == (421, SAFE)
    assert asked(address, "GET", "/", Origin="https://evil.example") == (403, SAFE)
    assert asked(address, "GET", "/_nicegui_ws/socket.io/?EIO=4&transport=polling") == (200, SAFE)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_the_page_is_read_and_no_more(address: str, method: str) -> None:
    assert asked(address, method, "/")[0] == 405


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil@x", "[", ""]
)
def test_a_name_that_leads_here_from_elsewhere_is_refused_for_everything(address: str, name: str) -> None:
    for path in ("/", "/nothing", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert asked(address, "GET", path, Host=name)[0] == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example", "file://"]
)
def test_a_websocket_of_another_page_is_refused(address: str, origin: str) -> None:
    url = address.replace("http", "ws", 1) + "_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(InvalidStatus) as refused, connect(url, origin=Origin(origin), proxy=None):
        pass
    assert refused.value.response.status_code == 403
    with connect(url, origin=Origin(address.rstrip("/")), proxy=None) as own:
        assert str(own.recv(timeout=10)).startswith('0{"sid":')


def test_a_long_address_is_answered_or_refused_and_the_page_stays(address: str) -> None:
    for path in ("/?campaign=" + "a" * 60_000, "/?" + "campaign=a&" * 20_000, "/" + "a" * 500_000):
        assert asked(address, "GET", path)[0] in (200, 400, 404)
    assert asked(address, "GET", "/")[0] == 200
