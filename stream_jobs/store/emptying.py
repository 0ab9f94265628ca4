"""Emptying ledger entries, after a platform's deletion or a person's request. Idempotent."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hashtide.elasticsearch.values import Found
from stream_jobs.documents import ledger
from stream_jobs.store.store import Store


class Emptied(NamedTuple):
    """Number of ledger entries, by outcome."""

    emptied: int = 0
    empty_already: int = 0
    refused: int = 0
    """Refused by the store. Not retried."""


async def empty_entries(store: Store, entries: Sequence[Found], deleted: Mapping[str, int | None]) -> Emptied:
    """Empty these ledger entries. `deleted`: id -> time of deletion in milliseconds, if known.

    The caller makes sure that their posts are counted: an empty entry no longer says what its post counted for. Counts
    do not change: the post was posted. Waits while the store is unavailable, as every store call does.
    """
    emptied = already = refused = 0
    while entries:
        bodies = [(entry, ledger.emptied(entry.source, deleted[entry.ref.id])) for entry in entries]
        changes = [(entry, body) for entry, body in bodies if body is not None]
        already += len(entries) - len(changes)
        outcomes = await store.amend(changes)
        emptied += sum(outcome.status == "done" for outcome in outcomes)
        refused += sum(outcome.status in ("refused", "dropped") for outcome in outcomes)
        changed = [entry.ref for (entry, _), each in zip(changes, outcomes, strict=True) if each.status == "conflict"]
        entries = [entry for entry in await store.get(changed) if entry is not None]
    return Emptied(emptied, already, refused)
