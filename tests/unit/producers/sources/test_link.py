from hashtide.contract.messages import Gap
from producers.sources.link import Link
from producers.sources.lost import Lost
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock


def test_first_connection_has_no_gap() -> None:
    assert Link("x", Clock()).silence() is None


def test_silence_is_a_gap_from_last_message_to_now() -> None:
    clock = Clock()
    link = Link("mastodon:a.example", clock)
    link.heard()
    clock.now_ms += 20_000
    link.lost(Lost("stalled"))
    clock.now_ms += 4_000
    assert link.silence() == Gap(
        source="mastodon:a.example", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 24_000, reason="stalled"
    )


def test_failed_retries_do_not_change_reason_of_gap() -> None:
    clock = Clock()
    link = Link("x", clock)
    link.heard()
    link.lost(Lost("too-slow"))
    clock.now_ms += 9_000
    link.lost(Lost("network"))
    gap = link.silence()
    assert gap is not None
    assert gap.reason == "too-slow"


def test_silence_under_three_seconds_is_not_a_gap() -> None:
    clock = Clock()
    link = Link("x", clock, heard_ms=AUGUST_MS - 2_999)
    assert link.silence() is None
    clock.now_ms += 1
    assert link.silence() == Gap(source="x", from_ms=AUGUST_MS - 2_999, to_ms=AUGUST_MS + 1, reason="disconnected")


def test_connection_cut_within_a_message_is_always_a_gap() -> None:
    clock = Clock()
    link = Link("x", clock)
    link.heard()
    link.lost(Lost("network", cut=True))
    clock.now_ms += 40
    assert link.silence() == Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 40, reason="disconnected")


def test_time_covered_by_backfill_is_not_a_gap() -> None:
    clock = Clock()
    link = Link("x", clock, heard_ms=AUGUST_MS - 300_000)
    assert link.silence(covered_ms=300_000) is None
    clock.now_ms += 10_000
    assert link.silence(covered_ms=300_000) == Gap(
        source="x", from_ms=AUGUST_MS - 300_000, to_ms=AUGUST_MS - 290_000, reason="disconnected"
    )
