"""An index of the letters in `posts.dead`, without their payloads, and the filters that select letters. Pure.

The topic is compacted: only the last record of a key in a partition counts. A record without a value is a tombstone:
the letter was deleted.
"""

import hashlib
import re
import sys
from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from hashtide.contract.bounds import LATEST_MS
from hashtide.contract.dead_letters import DeadLetter, decode_dead_letter
from hashtide.contract.reasons import Reason
from hashtide.errors import HashtideError

ID_CHARS: Final = 12
WITHOUT_BYTES: Final = "without-bytes"
"""Why a letter whose payload was not kept can't be replayed: reported along with the reasons why others stay."""

_ID: Final = re.compile("[0-9a-f]{1,12}")


class UnknownLetter(HashtideError):
    """No dead letter has this id, or several ids start with it."""


class LetterEntry(msgspec.Struct, frozen=True, gc=False):
    """A letter in the index: its position, and what filters select by."""

    key: bytes
    partition: int
    offset: int
    reason: Reason
    source: str
    at_ms: int
    size: int
    """Size of its payload in bytes, even if the payload was not kept."""

    @property
    def id(self) -> str:
        """A short id for people; it stays the same as long as the letter exists."""
        return hashlib.blake2b(self.key).hexdigest()[:ID_CHARS]


class LetterIndex:
    """The letters that are in the topic now. Memory depends on their number, not on their size."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, bytes], LetterEntry] = {}
        self.unreadable = 0
        """Records that are not dead letters: of another version, or of another program."""

    def add(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Add a record. Call it in offset order within each partition."""
        partition_key = (partition, key or b"")
        self._entries.pop(partition_key, None)
        if value is None:
            return
        try:
            letter = read(value)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        self._entries[partition_key] = LetterEntry(
            key=partition_key[1],
            partition=partition,
            offset=offset,
            reason=letter.reason,
            source=sys.intern(letter.source),
            at_ms=letter.at_ms,
            size=len(letter.payload) if letter.size is None else letter.size,
        )

    @property
    def entries(self) -> Collection[LetterEntry]:
        return self._entries.values()


def read(value: bytes) -> DeadLetter:
    """Decode a record's value. Raises msgspec.MsgspecError, also for a time that can't be displayed."""
    try:
        letter = decode_dead_letter(value)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if not 0 <= letter.at_ms <= LATEST_MS:
        raise msgspec.ValidationError("at_ms must be in the years 1970 to 9999")
    return letter


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the letters that match all given criteria."""

    ids: tuple[str, ...] = ()
    """Short ids, or unique prefixes of them."""
    reasons: tuple[str, ...] = ()
    source: str = ""
    """Prefix of the source."""
    from_ms: int | None = None
    to_ms: int | None = None
    """Exclusive."""

    def select(self, entries: Collection[LetterEntry]) -> list[LetterEntry]:
        """The selected letters, ordered by partition and offset. Raises UnknownLetter."""
        keys = _keys(entries, self.ids) if self.ids else None
        chosen = (entry for entry in entries if keys is None or entry.key in keys)
        return sorted((entry for entry in chosen if self._matches(entry)), key=lambda e: (e.partition, e.offset))

    def _matches(self, entry: LetterEntry) -> bool:
        return (
            (not self.reasons or entry.reason in self.reasons)
            and entry.source.startswith(self.source)
            and (self.from_ms is None or self.from_ms <= entry.at_ms)
            and (self.to_ms is None or entry.at_ms < self.to_ms)
        )


EVERYTHING: Final = LetterFilter()
"""Selects all letters."""


def _keys(entries: Iterable[LetterEntry], ids: Iterable[str]) -> set[bytes]:
    """The keys of the letters with these ids. Raises UnknownLetter."""
    by_id = sorted((entry.id, entry.key) for entry in entries)
    found = set()
    for id_ in ids:
        prefix = id_.lower()
        if not _ID.fullmatch(prefix):
            raise UnknownLetter(f"{id_!r} is not the id of a dead letter: use 1 to {ID_CHARS} of 0-9 and a-f")
        keys = {key for _, key in by_id[bisect_left(by_id, (prefix,)) : bisect_left(by_id, (prefix + "g",))]}
        if not keys:
            raise UnknownLetter(f"no dead letter {prefix}: `hashtide dlq list --each` lists their ids")
        if len(keys) > 1:
            raise UnknownLetter(f"{len(keys)} dead letters have an id that starts with {prefix}: give more characters")
        found |= keys
    return found


class LetterGroup(msgspec.Struct, frozen=True):
    """Letters with the same reason and source."""

    count: int
    reason: Reason
    source: str
    size: int
    newest_ms: int


def grouped(entries: Iterable[LetterEntry]) -> list[LetterGroup]:
    """Group letters by reason and source, largest group first."""
    members: dict[tuple[Reason, str], list[LetterEntry]] = {}
    for entry in entries:
        members.setdefault((entry.reason, entry.source), []).append(entry)
    groups = [
        LetterGroup(len(each), reason, source, sum(entry.size for entry in each), max(entry.at_ms for entry in each))
        for (reason, source), each in members.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.reason, group.source))
