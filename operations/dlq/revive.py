"""Turn a dead letter into the messages that put it back into the pipeline. Pure: sends nothing."""

from collections.abc import Callable
from typing import NamedTuple

from hashtide.contract import messages
from hashtide.contract.bounds import EARLIEST_MS, FUTURE_TOLERANCE_MS, MAX_PAYLOAD_BYTES
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import ORDER_KEY, Canary, Control, Message, Post, PostEdit, Recount
from hashtide.contract.names import POSTS_RAW
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import NewerMessage
from hashtide.identity import Pseudonyms
from operations.dlq.records import WholeLetter, raw_place
from producers import formats
from producers.validation import validate_and_pseudonymise
from stream_jobs.domain.windows import window_start_ms


class OutgoingRecord(NamedTuple):
    """A record to send. If `partition` is None, the key decides the partition."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


class Revived(NamedTuple):
    """The messages that replace a letter."""

    records: tuple[OutgoingRecord, ...]
    """Empty if the payload is valid now, but contains nothing to count."""
    recount: OutgoingRecord | None = None
    """An order to send after the records. A post whose count Elasticsearch refused is already in the ledger, so sending
    the post alone would change no count."""


class Rules:
    """Turns letters into messages, by today's parsers and rules. `matches`: whether a post belongs to a campaign."""

    def __init__(self, *, names: Pseudonyms, clock_ms: Callable[[], int], matches: Callable[[Post], bool]) -> None:
        self._names, self._clock_ms, self._matches = names, clock_ms, matches

    def revive(self, whole: WholeLetter) -> Revived:
        """The messages for a letter, which must have its bytes. Raises InvalidPost if the letter is still wrong."""
        assert whole.value is not None
        try:
            if whole.letter.source != POSTS_RAW:
                return self._parsed(whole.letter, whole.value)
            place = raw_place(whole.letter)
            if place is None:
                raise InvalidPost("undecodable", "the letter does not name a position in posts.raw")
            return self._again(whole.value, place.partition)
        except NewerMessage as error:
            raise InvalidPost("undecodable", str(error)) from None

    def _parsed(self, letter: DeadLetter, payload: bytes) -> Revived:
        """Parse a producer's payload again. If it has several posts, all of them must be valid now."""
        if letter.reason == "private":
            raise InvalidPost("private", "its content was not kept")
        if len(payload) == MAX_PAYLOAD_BYTES:
            raise InvalidPost("too-large", "only its beginning was kept")
        kind, now_ms = letter.source.partition(":")[0], self._clock_ms()
        records = []
        for outcome in formats.parse(payload, formats.AUTO):
            if isinstance(outcome, InvalidPost):
                raise outcome
            if isinstance(outcome, Control) or (_of_firehose(letter) and not self._wants(outcome)):
                continue
            message = validate_and_pseudonymise(outcome, now_ms=now_ms, names=self._names, origin="replay", source=kind)
            records.append(OutgoingRecord(POSTS_RAW, messages.key(message), messages.encode(message)))
        return Revived(tuple(records))

    def _wants(self, message: Message) -> bool:
        match message:
            case Post() as post:
                return self._matches(post)
            case PostEdit(post=post):
                return self._matches(post)
            case _:
                return True

    def _again(self, value: bytes, partition: int) -> Revived:
        """Send a record of posts.raw again, to the same partition, followed by an order to recount its window."""
        message = messages.decode(value)
        if isinstance(message, Canary):  # its check timed out long ago
            return Revived(())
        record = OutgoingRecord(POSTS_RAW, messages.key(message), value, partition)
        if isinstance(message, Recount):
            return Revived((), record)
        post = message.post if isinstance(message, PostEdit) else message
        if not isinstance(post, Post):
            return Revived((record,))
        if post.created_at_ms < EARLIEST_MS:
            raise InvalidPost("before-2006", "created_at is before 2006")
        if post.created_at_ms > self._clock_ms() + FUTURE_TOLERANCE_MS:
            raise InvalidPost("in-the-future", "created_at is more than 5 minutes ahead of this machine's clock")
        order = messages.encode(Recount(window_ms=window_start_ms(post.created_at_ms)))
        return Revived((record,), OutgoingRecord(POSTS_RAW, ORDER_KEY, order, partition))


def _of_firehose(letter: DeadLetter) -> bool:
    """Whether the source delivers all public posts, of which only posts of a campaign are kept."""
    kind = letter.source.partition(":")[0]
    return kind == "jetstream" or (kind == "mastodon" and letter.position.startswith("public"))
