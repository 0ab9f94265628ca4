"""From sums to the page: names, stacks, tables, texts, chart options. Literal input and output."""

import pytest

from operations.terminal import isolated
from operations.watch import chart, names, words
from operations.watch.feed import FeedState, Trouble
from operations.watch.hosts import is_own, is_same_site
from operations.watch.model import (
    ChartSeries,
    Extent,
    GapMark,
    Rate,
    Selection,
    Sum,
    Sums,
    TopRow,
    View,
    ViewData,
    bins,
    half_ms,
    rate,
    rate_end_ms,
    rows,
    stacked,
    view_data,
)
from operations.watch.periods import Period
from operations.watch.spikes import Bins, Driver

START = 1_508_184_000_000  # 2017-10-16T20:00:00Z
MINUTE = 60_000
PERIOD = Period(START, START + 3 * MINUTE, MINUTE)

XSS = "<img src=x onerror=alert(1)>"
OVERRIDE = "a\u202eb"


@pytest.mark.parametrize(
    ("dimension", "key", "expected"),
    [
        ("language", "pt", "Portuguese"),
        ("language", "zh-Hant", "Traditional Chinese"),
        ("language", "und", "undetermined"),
        ("language", "xq", "xq"),
        ("region", "IN", "India"),
        ("region", "ZZ", "unknown"),
        ("region", "Q9", "Q9"),
        ("kind", "reply", "reply"),
        ("hashtag", "وأنا_أيضا", "#وأنا_أيضا"),
    ],
)
def test_keys_have_names(dimension: names.Dimension, key: str, expected: str) -> None:
    assert names.name(dimension, key) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metoo", "metoo"),
        (XSS, XSS),  # rendered as text
        (OVERRIDE, "a‹U+202E›b"),
        ("a\u2069\u2067b", "a‹U+2069›‹U+2067›b"),
        ("me\u200btoo", "me‹U+200B›too"),
        ("\ufeffx\u00ad", "‹U+FEFF›x‹U+00AD›"),
        ("a\x1b[31mb\n", "a‹U+001B›[31mb‹U+000A›"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 60, "x" * 47 + "…"),
    ],
)
def test_text_is_safe_to_show(text: str, expected: str) -> None:
    assert names.shown(text) == expected


def test_isolates_right_to_left_text_only() -> None:
    assert isolated("#وأنا") == "\u2068#وأنا\u2069"
    assert isolated("#metoo") == "#metoo"


def test_stack_adds_up_with_the_rest_as_one_series() -> None:
    top = [Sum(key, 10, 5, {START: 8 - i, START + MINUTE: 1}) for i, key in enumerate("abcdefghi")]
    found = stacked("kind", top, (START, START + MINUTE), (50, 9))
    assert [series.name for series in found] == ["a", "b", "c", "d", "e", "f", "g", "all others"]
    assert found[0] == ChartSeries("a", "a", (8, 1))
    assert found[-1] == ChartSeries(None, "all others", (15, 2))
    assert [sum(series.values[i] for series in found) for i in (0, 1)] == [50, 9]


def test_no_series_of_others_without_rest() -> None:
    assert stacked("region", [Sum("IT", 3, 1, {START: 3})], (START,), (3,)) == (ChartSeries("IT", "Italy", (3,)),)


def test_rows_have_share_and_trend() -> None:
    assert rows("language", [Sum("en", 60, 40), Sum("it", 20, 5), Sum("fr", 4, 4)], 100) == (
        TopRow("en", "English", 60, 0.6, 1.0),
        TopRow("it", "Italian", 20, 0.2, 5 / 15 - 1),
        TopRow("fr", "French", 4, 0.04, None),
    )
    assert rows("language", [Sum("en", 0, 0)], 0) == (TopRow("en", "English", 0, 0.0, None),)


@pytest.mark.parametrize(
    ("oldest", "newest", "expected"),
    [(-90, 29, 15), (-90, 90, 30), (40, 59, 50), (10, 19, 15)],
    ids=["ends with the counts", "ends with the period", "begins with the counts", "both"],
)
def test_trend_halves_cover_only_the_time_with_counts(oldest: int, newest: int, expected: int) -> None:
    hour = Period(START, START + 60 * MINUTE, MINUTE)
    assert half_ms(hour, START + oldest * MINUTE, START + newest * MINUTE) == START + expected * MINUTE


def test_rate_excludes_current_minute() -> None:
    assert rate_end_ms(START, START + 59_999) == START
    assert rate_end_ms(START, START + 60_000) == START + MINUTE
    assert rate_end_ms(START, START + 600_000) == START + MINUTE
    assert rate_end_ms(START + 4 * MINUTE, START + 59_999) == START


def test_bins_are_whole_and_start_at_first_post() -> None:
    counts = {START - 300_000: 7, START - 900_000: 3}
    assert bins(counts, START - 1_000_000, START - 10_000_000, START) == Bins(START, (3, 0, 7))
    assert bins(counts, START, START - 10_000_000, START) == Bins(START, ())


def test_rate_is_per_minute_and_compared_with_the_day_before() -> None:
    assert rate(Bins(START, (*[10] * 12, 50))) == Rate(10.0, 2.0)
    assert rate(Bins(START, (10, 50))) == Rate(10.0, None)
    assert rate(Bins(START, ())) == Rate(0.0, None)
    assert [words.against_usual(each) for each in (Rate(10, 2), Rate(2.1, 2), Rate(5, None), Rate(5, 0))] == [
        "5.0 × the usual 2",
        "as usual (2)",
        "usual: not enough data yet",
        "usual: none",
    ]


def sums(**changed: object) -> Sums:
    values: dict[str, object] = {
        "documents": 3,
        "posts": 1_200,
        "steps": {START: 1_000, START + MINUTE: 200},
        "by_status": {"provisional": 300, "final": 888, "corrected": 12},
        "tops": {
            "language": [Sum("en", 1_000, 150, {START: 900, START + MINUTE: 100})],
            "region": [Sum("IN", 1_200, 200)],
            "kind": [Sum("reply", 1_200, 200)],
            "hashtag": [Sum("metoo", 600, 100)],
        },
        "bins": Bins(START + 2 * MINUTE, (1_200,)),
        "replies": Bins(START + 2 * MINUTE, (1_200,)),
        "gaps": [],
        "gaps_in_all": 0,
    }
    return Sums(**(values | changed))  # type: ignore[arg-type]


def view(**changed: object) -> ViewData:
    return view_data(Selection(), START + 150_000, START + MINUTE, PERIOD, sums(**changed), None, {})


def test_view_shows_share_of_final_and_provisional_counts() -> None:
    assert (view().provisional, view().final, view().corrected) == (0.25, 0.74, 0.01)
    assert words.trust(view()) == "74 % final, 25 % provisional, 1 % corrected"
    assert words.unsure(view()) == "25 % may still grow"
    assert words.unsure(view(by_status={"final": 1_200})) == "no known gaps"


def test_view_shows_its_time_range_and_age() -> None:
    assert words.where(view(), "1h", START) == "16 Oct 2017 20:00 UTC to 16 Oct 2017 20:03 UTC, now"
    old = view_data(Selection(), START + 4_000_000, START + MINUTE, PERIOD, sums(), None, {})
    assert words.where(old, "1h", START + 4_000_000) == (
        "Newest data, there are no newer counts: 16 Oct 2017 20:00 UTC to 16 Oct 2017 20:03 UTC"
    )
    assert words.quiet(old, START + 4_000_000) == (
        "No counts after 16 Oct 2017 20:02 UTC, 64 min ago: nobody posted, or the pipeline is behind."
    )
    assert words.quiet(old, START + 2 * MINUTE + 179_999) is None


GAP = GapMark(START + 90_000, START + 100_000, "mastodon:<b>example.social", "disconnected", 12)


def test_gap_texts() -> None:
    assert words.gaps(view()) == "No known gaps in this time."
    assert words.gaps(view(gaps=[GAP], gaps_in_all=1)) == "1 gap in this time: posts may be missing."
    assert words.gap(GAP) == "16 Oct 2017 20:01 UTC, 10 s: mastodon:<b>example.social, disconnected, about 12 posts"


def test_health_texts() -> None:
    extent = Extent(START, START + MINUTE, 1_200, (), ())
    state = FeedState(View(Selection(), START + 150_000, extent, view()), None, START + 140_000)
    assert list(words.health(state, START + 150_000)) == [
        ("Elasticsearch", "answers"),
        ("Newest counted minute", "30 s ago"),
        ("Last growth", "10 s ago"),
        ("Count documents in view", "3"),
    ]
    away = FeedState(None, Trouble("Elasticsearch does not answer (ConnectionError)", START), None)
    assert list(words.health(away, START)) == [("Elasticsearch", "does not answer")]
    assert words.trouble(away, START) == (
        "Elasticsearch does not answer (ConnectionError), since 20:00:00 UTC. Retrying."
    )


@pytest.mark.parametrize(
    ("trend", "expected", "direction"),
    [
        (0.354, "▲ +35 %", "up"),
        (-0.12, "▼ −12 %", "down"),
        (0.004, "▬ 0 %", ""),
        (None, "new", ""),
        (15.0, "▲ ×16", "up"),
    ],
)
def test_trend_text_does_not_rely_on_colour(trend: float | None, expected: str, direction: str) -> None:
    row = TopRow("en", "English", 1, 0.1, trend)
    assert (words.trend(row), words.direction(row)) == (expected, direction)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, "0 %"), (0.001, "<1 %"), (0.5, "50 %"), (0.9999, ">99 %"), (1.0, "100 %")]
)
def test_percent_text_does_not_round_to_0_or_100(share: float, expected: str) -> None:
    assert words.percent(share) == expected


def test_driver_text() -> None:
    assert words.driver_text(Driver("en", 900.0, 3_803)) == "+2,903 posts, 4.2 ×"
    assert words.driver_text(Driver("en", 0.0, 38)) == "+38 posts, new"


def test_key_keeps_colour_while_among_the_largest() -> None:
    first = chart.slots(["en", "it", "fr"], [])
    assert first == ["en", "it", "fr", None, None, None, None]
    second = chart.slots(["it", "de", "en"], first)
    assert second == ["en", "it", "de", None, None, None, None]
    assert chart.colour("it", second) == "#E69F00"
    assert chart.colour(None, second) == chart.colour("sv", second) == "#9AA0A6"


def test_options_have_fixed_number_of_series_and_no_key_from_data() -> None:
    hostile = sums(
        tops={
            "language": [Sum(":formatter", 3, 1, {START: 3}), Sum("constructor", 2, 1, {START: 2})],
            "region": [],
            "kind": [],
            "hashtag": [],
        }
    )
    options = chart.options(
        view_data(Selection(), START, START, PERIOD, hostile, None, {}), chart.slots([":formatter", "constructor"], [])
    )
    assert len(options["series"]) == 10
    assert len(chart.options(view(), chart.slots(["en"], []))["series"]) == 10
    assert options["series"][0]["name"] == ":formatter"
    assert [key for each in options["series"] for key in each if key.startswith(":")] == []
    assert options["tooltip"]["renderMode"] == "richText"


def test_gap_shades_overlapping_steps() -> None:
    def shaded(*gaps: GapMark) -> list[int]:
        drawn = chart.options(view(gaps=gaps), chart.slots(["en"], []))["series"][8]
        assert drawn["name"] == "gap"
        return [step for step, _ in drawn["data"]]

    assert shaded(GAP) == [1]
    assert shaded(GapMark(START - MINUTE, START + MINUTE + 1, "x", "stalled", None)) == [0, 1]
    assert shaded(GapMark(START + MINUTE, START + 9 * MINUTE, "x", "stalled", None)) == [1, 2]
    assert shaded() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("127.0.0.1:9465", True),
        ("localhost:9465", True),
        ("[::1]:9465", True),
        ("192.0.2.7", True),
        ("watch.example.org:80", True),
        ("evil.example:9465", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_accepts_only_own_host_names(name: str, expected: bool) -> None:
    assert is_own(name, ["Watch.example.org"]) is expected


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:9465", True),
        ("https://watch.example.org", True),  # behind a proxy that uses our address
        ("http://127.0.0.1:8000", False),
        ("http://localhost:9465", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_refuses_other_origins(origin: str, expected: bool) -> None:
    assert is_same_site(origin, "127.0.0.1:9465", ["watch.example.org"]) is expected
