"""Put dead letters back into the pipeline, without losing any.

Messages are sent and acknowledged before their letter is deleted from `posts.dead`. After a crash in between, the next
replay sends them again. The ledger recognises the duplicates.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from hashtide.contract.names import POSTS_DEAD
from hashtide.contract.reasons import InvalidPost
from operations.dlq.index import WITHOUT_BYTES, LetterEntry
from operations.dlq.records import WholeLetter
from operations.dlq.revive import OutgoingRecord, Rules

LETTERS_AT_ONCE: Final = 1_000
"""Letters between two waits for Kafka's acknowledgements."""


class RecordSender(Protocol):
    """Sends records. See `publisher.Publisher` for when these methods block and what they raise."""

    def send(self, topic: str, key_: bytes | None, value: bytes | None, partition: int | None = None) -> None: ...

    def flush(self) -> None: ...


class ReplayAccount(msgspec.Struct):
    """The outcome of a replay. Letters that are neither replayed nor stayed were not reached."""

    selected: int = 0
    replayed: int = 0
    sent: int = 0
    """Messages sent for these letters, without orders. A letter may become several messages, or none."""
    stayed: Counter[str] = msgspec.field(default_factory=Counter)
    """Letters that stay, by reason."""


class Replay:
    """Replays letters, and adds them to `account`. Call `settle` at the end.

    If `kafka` is None, nothing is sent: a dry run. Methods block while Kafka is slow, and raise PublishFailed: letters
    without an acknowledgement stay in posts.dead.
    """

    def __init__(self, rules: Rules, kafka: RecordSender | None, account: ReplayAccount) -> None:
        self._rules, self._kafka, self._account = rules, kafka, account
        self._sent = 0
        self._recounts: dict[OutgoingRecord, None] = {}
        self._done: list[LetterEntry] = []

    def take(self, whole: WholeLetter) -> None:
        """Send the messages of a letter. Settles after every LETTERS_AT_ONCE letters."""
        if whole.value is None:
            self._account.stayed[WITHOUT_BYTES] += 1
            return
        try:
            revived = self._rules.revive(whole)
        except InvalidPost as error:
            self._account.stayed[error.reason] += 1
            return
        self._send(revived.records)
        self._sent += len(revived.records)
        if revived.recount is not None:
            self._recounts[revived.recount] = None
        self._done.append(whole.entry)
        if len(self._done) >= LETTERS_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Wait for the acknowledgement of all messages, then delete their letters."""
        self._send(self._recounts)
        self._flush()
        self._send(map(tombstone, self._done))
        self._flush()
        self._account.replayed += len(self._done)
        self._account.sent += self._sent
        self._sent = 0
        self._recounts.clear()
        self._done.clear()

    def _send(self, records: Iterable[OutgoingRecord]) -> None:
        if self._kafka is not None:
            for record in records:
                self._kafka.send(*record)

    def _flush(self) -> None:
        if self._kafka is not None:
            self._kafka.flush()


def tombstone(entry: LetterEntry) -> OutgoingRecord:
    """The record that deletes a letter from the topic: the letter's key without a value, in the letter's partition."""
    return OutgoingRecord(POSTS_DEAD, entry.key, None, entry.partition)
