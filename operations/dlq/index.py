"""What `posts.dead` holds: an index of its letters without their bytes, and how people choose among them. Pure.

The topic is compacted: of a key's records in a partition the last one counts, and one without a value is a tombstone,
the letter is gone.
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
"""Why a letter that was not kept whole can't go back: told beside the reasons for which others stay."""

_ID: Final = re.compile("[0-9a-f]{1,12}")


class UnknownLetter(HashtideError):
    """No dead letter has this id, or several begin with it."""


class LetterEntry(msgspec.Struct, frozen=True, gc=False):
    """A letter in the index: where it lies, and what people choose it by."""

    key: bytes
    partition: int
    offset: int
    reason: Reason
    source: str
    at_ms: int
    size: int
    """Bytes of its payload, kept or not."""

    @property
    def id(self) -> str:
        """Short, for people; the same for as long as the letter is there."""
        return hashlib.blake2b(self.key).hexdigest()[:ID_CHARS]


class LetterIndex:
    """The letters that the topic holds now; its memory goes by their number, not by their bytes."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, bytes], LetterEntry] = {}
        self.unreadable = 0
        """Records that are no dead letters: another version's, or a stranger's."""

    def see(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take in a record; those of a partition come in order."""
        place = (partition, key or b"")
        self._entries.pop(place, None)
        if value is None:
            return
        try:
            letter = read(value)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        self._entries[place] = LetterEntry(
            key=place[1],
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
    """The letter in a record's value. Raises msgspec.MsgspecError, also for a time that can't be shown."""
    try:
        letter = decode_dead_letter(value)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if not 0 <= letter.at_ms <= LATEST_MS:
        raise msgspec.ValidationError("at_ms is not in the years 1970 to 9999")
    return letter


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant: those that agree with everything that is given."""

    ids: tuple[str, ...] = ()
    """Short ids, or beginnings of them that only one letter has."""
    reasons: tuple[str, ...] = ()
    source: str = ""
    """How the source begins."""
    from_ms: int | None = None
    to_ms: int | None = None
    """Not included."""

    def select(self, entries: Collection[LetterEntry]) -> list[LetterEntry]:
        """The chosen ones, as they lie in the topic. Raises UnknownLetter."""
        keys = _keys(entries, self.ids) if self.ids else None
        chosen = (entry for entry in entries if keys is None or entry.key in keys)
        return sorted((entry for entry in chosen if self._agrees(entry)), key=lambda e: (e.partition, e.offset))

    def _agrees(self, entry: LetterEntry) -> bool:
        return (
            (not self.reasons or entry.reason in self.reasons)
            and entry.source.startswith(self.source)
            and (self.from_ms is None or self.from_ms <= entry.at_ms)
            and (self.to_ms is None or entry.at_ms < self.to_ms)
        )


EVERYTHING: Final = LetterFilter()
"""Every letter."""


def _keys(entries: Iterable[LetterEntry], ids: Iterable[str]) -> set[bytes]:
    """The keys of the letters that ids name. Raises UnknownLetter."""
    by_id = sorted((entry.id, entry.key) for entry in entries)
    found = set()
    for id_ in ids:
        prefix = id_.lower()
        if not _ID.fullmatch(prefix):
            raise UnknownLetter(f"{id_!r} is no id of a dead letter: they have up to {ID_CHARS} of 0-9 and a-f")
        keys = {key for _, key in by_id[bisect_left(by_id, (prefix,)) : bisect_left(by_id, (prefix + "g",))]}
        if not keys:
            raise UnknownLetter(f"no dead letter {prefix}: `hashtide dlq list --each` has their ids")
        if len(keys) > 1:
            raise UnknownLetter(f"{prefix} is the beginning of {len(keys)} dead letters' ids: give more of it")
        found |= keys
    return found


class LetterGroup(msgspec.Struct, frozen=True):
    """Letters of one reason and one source."""

    count: int
    reason: Reason
    source: str
    size: int
    newest_ms: int


def grouped(entries: Iterable[LetterEntry]) -> list[LetterGroup]:
    """The letters by reason and source, the largest group first."""
    members: dict[tuple[Reason, str], list[LetterEntry]] = {}
    for entry in entries:
        members.setdefault((entry.reason, entry.source), []).append(entry)
    groups = [
        LetterGroup(len(each), reason, source, sum(entry.size for entry in each), max(entry.at_ms for entry in each))
        for (reason, source), each in members.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.reason, group.source))
