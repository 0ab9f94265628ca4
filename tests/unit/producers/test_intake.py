import json
from collections.abc import Callable, Sequence

import pytest
from prometheus_client import REGISTRY

from hashtide.contract.messages import Control, Gap, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.formats import Outcome
from producers.intake import Intake, IntakeAccount, IntakeRules, Pace
from producers.sources.received import Received
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock, Collecting

KEY = bytes(range(32))
NAMES = Pseudonyms(Keys(KEY))


def intake(
    kafka: Collecting, *, pace: Pace | None = None, matches: Callable[[Post], bool] = lambda post: False
) -> Intake:
    return Intake(
        kafka,
        lambda received: formats.parse(received.payload, "native"),
        IntakeAccount(),
        IntakeRules(origin="live", names=NAMES, clock_ms=Clock(), matches=matches),
        pace,
    )


def saying(kafka: Collecting, *outcomes: Outcome) -> Intake:
    """An intake that parses each payload as the next of these outcomes."""
    said = iter(outcomes)
    return Intake(
        kafka,
        lambda received: [next(said)],
        IntakeAccount(),
        IntakeRules(origin="live", names=NAMES, clock_ms=Clock(), matches=lambda post: False),
    )


def native(**fields: object) -> bytes:
    return json.dumps({"id": "1", "text": "hello", "created_at": AUGUST_MS, "platform": "x"} | fields).encode()


def post(post_id: str = "1", created_at_ms: int = AUGUST_MS) -> Post:
    return Post(platform="x", post_id=post_id, created_at_ms=created_at_ms, text="hello")


def take(intake: Intake, payloads: Sequence[bytes], *, firehose: bool = False) -> None:
    for number, payload in enumerate(payloads):
        intake.accept(Received("file:a.jsonl", f"line {number}", payload, firehose=firehose))


def test_publishes_post_with_origin_source_and_hashed_author() -> None:
    kafka = Collecting()
    take(intake(kafka), [native(author_id="42")])
    [sent] = kafka.sent
    assert isinstance(sent, Post)
    assert (sent.post_id, sent.origin, sent.source) == ("1", "live", "file")
    assert sent.author is not None
    assert len(sent.author) == 64


def test_backfilled_post_has_origin_backfill() -> None:
    kafka = Collecting()
    intake(kafka).accept(Received("x", "", native(), origin="backfill"))
    [sent] = kafka.sent
    assert isinstance(sent, Post)
    assert sent.origin == "backfill"


def test_invalid_payload_becomes_dead_letter_with_reason_and_position() -> None:
    kafka = Collecting()
    take(intake(kafka), [b'{"id": "1"', native(created_at=AUGUST_MS + 300_001)])
    first, second = kafka.dead
    assert (first.reason, first.source, first.position, first.payload, first.at_ms) == (
        "not-json",
        "file:a.jsonl",
        "line 0",
        b'{"id": "1"',
        AUGUST_MS,
    )
    assert second.reason == "in-the-future"
    assert kafka.sent == []


def test_account_counts_everything_received() -> None:
    kafka = Collecting()
    run = saying(
        kafka,
        post(),
        PostEdit(post=post(), edited_at_ms=AUGUST_MS),
        PostDelete(platform="x", post_id="1"),
        Control("keep-alive"),
        formats.parse(b"{", "native")[0],
        post(),
        PostEdit(post=post(), edited_at_ms=AUGUST_MS),
        PostDelete(platform="x", post_id="2"),
    )
    for number in range(8):
        run.accept(Received("jetstream", "", b"{}", firehose=number >= 5))
    assert run.account == IntakeAccount(posts=1, edits=1, deletes=2, control=1, filtered=2, dead=1, gaps=0)
    assert (run.account.read, run.account.sent) == (8, 4)


def test_metrics_count_every_payload() -> None:
    def filtered() -> float:
        return REGISTRY.get_sample_value("hashtide_payloads_total", {"source": "file", "outcome": "filtered"}) or 0

    before = filtered()
    take(intake(Collecting()), [native(), native(), native()], firehose=True)
    assert filtered() - before == 3


def test_publishes_only_campaign_posts_of_a_firehose() -> None:
    kafka = Collecting()
    run = intake(kafka, matches=lambda post: "harbour" in post.text)
    take(run, [native(id="1"), native(id="2", text="open the harbour")], firehose=True)
    take(run, [native(id="3")])
    assert [sent.post_id for sent in kafka.sent if isinstance(sent, Post)] == ["2", "3"]
    assert (run.account.posts, run.account.filtered) == (2, 1)


def test_filters_other_firehose_posts_even_with_invalid_time() -> None:
    kafka = Collecting()
    run = intake(kafka)
    take(run, [native(created_at="1999-01-01T00:00:00Z")], firehose=True)
    assert (run.account.filtered, kafka.dead) == (1, [])


def test_publishes_gaps_and_counts_them_separately() -> None:
    def seconds() -> float:
        labels = {"source": "mastodon", "reason": "stalled"}
        return REGISTRY.get_sample_value("hashtide_ingest_gap_seconds_total", labels) or 0

    kafka, before = Collecting(), seconds()
    run = intake(kafka)
    gap = Gap(source="mastodon:a.example", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 2_500, reason="stalled")
    run.accept(gap)
    assert kafka.sent == [gap]
    assert (run.account.gaps, run.account.read) == (1, 0)
    assert seconds() - before == 2.5


def test_limit_notice_is_a_gap_of_newly_lost_posts() -> None:
    kafka = Collecting()
    run = saying(
        kafka,
        post("1", AUGUST_MS),
        post("2", AUGUST_MS + 5_000),
        Control("limit", estimated_loss=10),
        Control("limit", estimated_loss=10),
        post("3", AUGUST_MS + 9_000),
        Control("limit", estimated_loss=14),
        Control("limit", estimated_loss=3),
    )
    for _ in range(7):
        run.accept(Received("file:old.jsonl", "", b"{}"))
    assert [sent for sent in kafka.sent if isinstance(sent, Gap)] == [
        Gap(
            source="file:old.jsonl",
            from_ms=AUGUST_MS,
            to_ms=AUGUST_MS + 5_000,
            reason="limited",
            estimated_posts=10,
        ),
        Gap(
            source="file:old.jsonl",
            from_ms=AUGUST_MS + 5_000,
            to_ms=AUGUST_MS + 9_000,
            reason="limited",
            estimated_posts=4,
        ),
        Gap(
            source="file:old.jsonl",
            from_ms=AUGUST_MS + 9_000,
            to_ms=AUGUST_MS + 9_000,
            reason="limited",
            estimated_posts=3,
        ),
    ]
    assert (run.account.control, run.account.gaps) == (4, 3)


@pytest.mark.parametrize(("speed", "slept"), [(1.0, [10.0]), (4.0, [2.5])])
def test_pace_delays_posts_by_their_time_difference(speed: float, slept: list[float]) -> None:
    clock, kafka = Clock(), Collecting()
    run = intake(kafka, pace=Pace(speed, clock.monotonic, clock.sleep))
    take(run, [native(created_at=AUGUST_MS - 60_000), native(created_at=AUGUST_MS - 50_000), native(created_at=1.5e9)])
    assert clock.slept == slept
    assert len(kafka.sent) == 3


def test_dead_letter_of_private_post_has_no_payload() -> None:
    kafka = Collecting()
    take(saying(kafka, InvalidPost("private", "visibility is direct")), [b"what one person told another"])
    assert [(letter.reason, letter.payload) for letter in kafka.dead] == [("private", b"")]
