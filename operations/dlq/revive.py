"""What becomes of a dead letter that goes back into the stream. Pure: nothing is sent here."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from kafka.partitioner.default import murmur2

from hashtide.contract import messages
from hashtide.contract.bounds import EARLIEST_MS, FUTURE_TOLERANCE_MS, MAX_PAYLOAD_BYTES
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, Control, Post, PostEdit
from hashtide.contract.names import POSTS_ENRICHED, POSTS_RAW
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import NewerMessage
from hashtide.identity import Pseudonyms
from hashtide.kafka.topics import TopicInfo
from producers import formats
from producers.validation import validate_and_pseudonymise
from stream_jobs import enriched
from stream_jobs.domain.windows import window_start_ms
from stream_jobs.enriched import EnrichedPost, Recount

_POSITION: Final = re.compile("([^:]+):([0-9]{1,9}):[0-9]+")


class OutgoingRecord(NamedTuple):
    """A record to be sent. Without a partition it goes into that of its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


class Revived(NamedTuple):
    """What a letter becomes."""

    records: tuple[OutgoingRecord, ...]
    """None, where there is nothing in it that would be counted, and nothing wrong any more either."""
    recount: OutgoingRecord | None = None
    """The order to be sent behind them: what Elasticsearch refused to count is in the ledger already, and would be
    taken for a duplicate."""


class Rules:
    """What a letter becomes, now. `topics` are as they lie in Kafka; `matches` says whether any campaign has a post."""

    def __init__(
        self,
        topics: Mapping[str, TopicInfo],
        *,
        names: Pseudonyms,
        clock_ms: Callable[[], int],
        matches: Callable[[Post], bool],
    ) -> None:
        self._topics, self._names, self._clock_ms, self._matches = topics, names, clock_ms, matches

    def revive(self, letter: DeadLetter) -> Revived:
        """What is sent in place of the letter. Raises InvalidPost for one that is still what it was, and stays."""
        try:
            return self._revive(letter)
        except NewerMessage as error:
            raise InvalidPost("undecodable", str(error)) from None

    def _revive(self, letter: DeadLetter) -> Revived:
        if letter.reason == "private":
            raise InvalidPost("private", "nothing of it was kept")
        if len(letter.payload) == MAX_PAYLOAD_BYTES:
            raise InvalidPost("too-large", "only its beginning was kept")
        if letter.source == POSTS_RAW:
            message = messages.decode(letter.payload)
            return Revived(() if isinstance(message, Canary) else (_raw(message),))
        if letter.source == POSTS_ENRICHED:
            return self._enriched(letter)
        return self._parsed(letter)

    def _parsed(self, letter: DeadLetter) -> Revived:
        """A payload that a producer could not read, on the way in once more. Of a page every part must be good now."""
        kind, now_ms = letter.source.partition(":")[0], self._clock_ms()
        records = []
        for outcome in formats.parse(letter.payload, formats.AUTO):
            if isinstance(outcome, InvalidPost):
                raise outcome
            if isinstance(outcome, Control) or (_of_firehose(letter) and not self._wants(outcome)):
                continue
            message = validate_and_pseudonymise(outcome, now_ms=now_ms, names=self._names, origin="replay", source=kind)
            records.append(_raw(message))
        return Revived(tuple(records))

    def _wants(self, message: messages.Message) -> bool:
        match message:
            case Post() as post:
                return self._matches(post)
            case PostEdit(post=post):
                return self._matches(post)
            case _:
                return True

    def _enriched(self, letter: DeadLetter) -> Revived:
        message = enriched.decode(letter.payload)
        if isinstance(message, Canary):  # nobody waits for it any more
            return Revived(())
        if isinstance(message, Recount):
            partition = self._partition_of(letter.position)
            if partition is None:
                raise InvalidPost("undecodable", "an order to count again, of a partition that is no more")
            return Revived((), _recount(partition, message.window_ms))
        if isinstance(message, messages.Gap):
            key = messages.key(message)
        else:
            key = f"{message.platform}:{message.post_id}".encode()
        partition = self._partition_of(letter.position)
        if partition is None:
            partition = self._partition_by(key)
        record = OutgoingRecord(POSTS_ENRICHED, key, enriched.encode(message), partition)
        if not isinstance(message, EnrichedPost):
            return Revived((record,))
        if message.created_at_ms < EARLIEST_MS:
            raise InvalidPost("before-2006", "created_at is before 2006")
        if message.created_at_ms > self._clock_ms() + FUTURE_TOLERANCE_MS:
            raise InvalidPost("in-the-future", "created_at is more than 5 minutes ahead of this machine's clock")
        return Revived((record,), _recount(partition, window_start_ms(message.created_at_ms)))

    def _partition_of(self, position: str) -> int | None:
        """The partition that `position` lies in, while the topic lives the same life: the ledger knows the post there.

        In another life the ledger does not know it, and its key says where it belongs.
        """
        topic = self._topics[POSTS_ENRICHED]
        found = _POSITION.fullmatch(position)
        if not found or found[1] != topic.id or int(found[2]) >= topic.partitions:
            return None
        return int(found[2])

    def _partition_by(self, key: bytes) -> int:
        """Where a post of posts.raw would come out: with its edits, its deletion and its duplicates."""
        hashed: int = murmur2(key)
        return (hashed & 0x7FFFFFFF) % self._topics[POSTS_RAW].partitions


def _of_firehose(letter: DeadLetter) -> bool:
    """Whether it came from a stream of everything, of which only the campaigns' posts are ours."""
    kind = letter.source.partition(":")[0]
    return kind == "jetstream" or (kind == "mastodon" and letter.position.startswith("public"))


def _raw(message: messages.Sent) -> OutgoingRecord:
    return OutgoingRecord(POSTS_RAW, messages.key(message), messages.encode(message))


def _recount(partition: int, window_ms: int) -> OutgoingRecord:
    return OutgoingRecord(POSTS_ENRICHED, None, enriched.encode(Recount(window_ms=window_ms)), partition)
