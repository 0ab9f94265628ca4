"""The order in which dead letters go back into the stream safely.

Sent, acknowledged, and only then taken out of `posts.dead`: a crash in between leaves a letter there that was sent
already. It is sent again by the next replay, and the ledger counts it once.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_DEAD
from hashtide.contract.reasons import InvalidPost
from operations.dlq.index import WITHOUT_BYTES, LetterEntry
from operations.dlq.revive import OutgoingRecord, Rules

LETTERS_AT_ONCE: Final = 1_000


class RecordSender(Protocol):
    """What goes out. `publisher.Publisher` says when these block and what they raise."""

    def send(self, topic: str, key_: bytes | None, value: bytes | None, partition: int | None = None) -> None: ...

    def flush(self) -> None: ...


class ReplayAccount(msgspec.Struct):
    """What became of the letters that were chosen; one that is in none of these was not reached."""

    selected: int = 0
    replayed: int = 0
    sent: int = 0
    """Messages; a letter may become several, or none."""
    stayed: Counter[str] = msgspec.field(default_factory=Counter)
    """By what is still wrong with them."""


class Replay:
    """Puts letters back, LETTERS_AT_ONCE at a time. `settle` does the rest of them, at the end.

    Without `kafka` it only says what would become of them. Blocks while Kafka is behind. Raises PublishFailed: what was
    not acknowledged by then is still a letter.
    """

    def __init__(self, rules: Rules, kafka: RecordSender | None, account: ReplayAccount) -> None:
        self._rules, self._kafka, self._account = rules, kafka, account
        self._sent = 0
        self._recounts: dict[OutgoingRecord, None] = {}
        self._done: list[LetterEntry] = []

    def take(self, entry: LetterEntry, letter: DeadLetter) -> None:
        if not letter.kept:
            self._account.stayed[WITHOUT_BYTES] += 1
            return
        try:
            revived = self._rules.revive(letter)
        except InvalidPost as error:
            self._account.stayed[error.reason] += 1
            return
        self._send(revived.records)
        self._sent += len(revived.records)
        if revived.recount is not None:
            self._recounts[revived.recount] = None
        self._done.append(entry)
        if len(self._done) >= LETTERS_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Have Kafka acknowledge what was sent, and then take the letters out."""
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
    """What takes a letter out of the topic: a record of its key without a value, in the letter's own partition."""
    return OutgoingRecord(POSTS_DEAD, entry.key, None, entry.partition)
