import json
from collections import Counter

import pytest

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Post, Recount, encode
from hashtide.identity import Keys, Pseudonyms
from operations.dlq.index import LetterEntry
from operations.dlq.records import WholeLetter
from operations.dlq.replay import LETTERS_AT_ONCE, Replay, ReplayAccount
from operations.dlq.revive import Rules
from producers.publisher import PublishFailed

AUGUST_MS = 1_785_585_642_000  # 2026-08-01T12:00:42Z


class Kafka:
    """Records in order what is sent (topic, key, partition, whether it is a tombstone) and every flush."""

    def __init__(self, fails_at_flush: int = 0) -> None:
        self.log: list[tuple[str, bytes | None, int | None, bool] | str] = []
        self._fails_at = fails_at_flush
        self._flushed = 0

    def send(self, topic: str, key_: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        self.log.append((topic, key_, partition, value is None))

    def flush(self) -> None:
        self._flushed += 1
        if self._flushed == self._fails_at:
            raise PublishFailed
        self.log.append("flush")


def replay(kafka: Kafka | None, account: ReplayAccount) -> Replay:
    rules = Rules(names=Pseudonyms(Keys(bytes(32))), clock_ms=lambda: AUGUST_MS, matches=lambda post: True)
    return Replay(rules, kafka, account)


def buried(number: int, value: bytes | None, source: str = "x", position: str = "") -> WholeLetter:
    """A letter with its bytes, or without."""
    letter = DeadLetter(
        reason="wrong-type", detail="", source=source, position=position, payload=value or b"", at_ms=AUGUST_MS
    )
    entry = LetterEntry(
        key=b"letter %d" % number,
        partition=3,
        offset=number,
        reason=letter.reason,
        source=source,
        at_ms=AUGUST_MS,
        size=len(letter.payload),
    )
    return WholeLetter(entry, letter, value)


def native(number: int) -> bytes:
    return json.dumps({"id": str(number), "text": "hello", "created_at": AUGUST_MS, "platform": "x"}).encode()


def refused(number: int, created_at_ms: int) -> WholeLetter:
    """A post of partition 2 whose count Elasticsearch refused."""
    post = Post(platform="x", post_id=str(number), created_at_ms=created_at_ms, text="hello")
    return buried(number, encode(post), "posts.raw", f"topic-id:2:{number}")


def test_a_letter_is_deleted_from_its_partition_after_kafka_acknowledged_its_message() -> None:
    kafka, account = Kafka(), ReplayAccount(selected=2)
    run = replay(kafka, account)
    run.take(buried(1, native(1)))
    run.take(buried(2, b"["))
    run.settle()
    assert kafka.log == [
        ("posts.raw", b"x:1", None, False),
        "flush",
        ("posts.dead", b"letter 1", 3, True),
        "flush",
    ]
    assert account == ReplayAccount(selected=2, replayed=1, sent=1, stayed=Counter({"not-json": 1}))


def test_letters_stay_if_kafka_does_not_acknowledge_their_messages() -> None:
    kafka, account = Kafka(fails_at_flush=1), ReplayAccount()
    run = replay(kafka, account)
    run.take(buried(1, native(1)))
    with pytest.raises(PublishFailed):
        run.settle()
    assert kafka.log == [("posts.raw", b"x:1", None, False)]
    assert account.replayed == 0


def test_each_window_of_a_partition_is_recounted_once_after_its_posts() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    run.take(refused(1, AUGUST_MS))
    run.take(refused(2, AUGUST_MS + 60_000))
    run.take(refused(3, AUGUST_MS + 1))
    run.take(buried(4, encode(Recount(window_ms=1_785_585_600_000)), "posts.raw", "topic-id:2:4"))
    run.settle()
    assert kafka.log == [
        ("posts.raw", b"x:1", 2, False),
        ("posts.raw", b"x:2", 2, False),
        ("posts.raw", b"x:3", 2, False),
        ("posts.raw", b"order", 2, False),
        ("posts.raw", b"order", 2, False),
        "flush",
        ("posts.dead", b"letter 1", 3, True),
        ("posts.dead", b"letter 2", 3, True),
        ("posts.dead", b"letter 3", 3, True),
        ("posts.dead", b"letter 4", 3, True),
        "flush",
    ]
    assert (account.replayed, account.sent) == (4, 3)


def test_a_long_replay_settles_after_every_1000_letters() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    for number in range(LETTERS_AT_ONCE + 1):
        run.take(buried(number, native(number)))
    assert (account.replayed, account.sent, kafka.log.count("flush")) == (1_000, 1_000, 2)
    run.settle()
    assert (account.replayed, account.sent) == (1_001, 1_001)
    assert kafka.log[-3:] == ["flush", ("posts.dead", b"letter 1000", 3, True), "flush"]


def test_a_letter_that_becomes_no_message_is_deleted() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    run.take(buried(1, b'{"limit": {"track": 3}}'))
    run.settle()
    assert kafka.log == ["flush", ("posts.dead", b"letter 1", 3, True), "flush"]
    assert (account.replayed, account.sent) == (1, 0)


def test_a_dry_run_counts_what_would_be_sent() -> None:
    account = ReplayAccount()
    run = replay(None, account)
    run.take(buried(1, native(1)))
    run.take(buried(2, b"["))
    run.settle()
    assert account == ReplayAccount(replayed=1, sent=1, stayed=Counter({"not-json": 1}))


@pytest.mark.parametrize(("source", "position"), [("x", ""), ("posts.raw", "topic-id:2:1")])
def test_a_letter_without_bytes_stays_and_is_reported(source: str, position: str) -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    run.take(buried(1, None, source, position))
    run.settle()
    assert kafka.log == ["flush", "flush"]
    assert account == ReplayAccount(stayed=Counter({"without-bytes": 1}))
