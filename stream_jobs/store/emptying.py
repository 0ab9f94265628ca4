"""Emptying ledger documents, after a platform's deletion or a person's request. Idempotent."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hashtide.contract.bounds import LATEST_MS
from hashtide.contract.names import POSTS
from hashtide.elasticsearch.values import Found
from stream_jobs.documents import ledger
from stream_jobs.store.store import Store

AT_ONCE: Final = 5_000


class Done(NamedTuple):
    """Number of documents found, by outcome."""

    emptied: int = 0
    empty_already: int = 0
    refused: int = 0
    """Refused by the store. Not retried."""


async def empty_posts(store: Store, deleted: Mapping[str, int | None]) -> Done:
    """Empty the ledger documents with these ids, in all indices.

    `deleted`: id -> time of deletion in milliseconds, if known. Counts do not change: the post was posted. Waits while
    the store is unavailable, as every store call does.
    """
    pending, total = dict(deleted), Done()
    while pending:
        done, changed = await _empty(store, await store.locate(f"{POSTS}-*", list(pending)), pending)
        total = Done(*(a + b for a, b in zip(total, done, strict=True)))
        pending = {id_: pending[id_] for id_ in changed}
    return total


async def empty_authors(store: Store, authors: Sequence[str], at_ms: int) -> Done:
    """Empty every ledger document of these authors (hashes). Waits while the store is unavailable.

    An emptied document no longer names its author, so the work is done when none is found.
    """
    total = Done()
    for author in authors:
        of_author: dict[str, str | int] = {"author": author}
        while await store.newest(f"{POSTS}-*", of_author) >= 0:  # refreshes, so the search below sees every write
            found = await store.find(f"{POSTS}-*", of_author, LATEST_MS, AT_ONCE)
            done, _ = await _empty(store, found, dict.fromkeys((each.ref.id for each in found), at_ms))
            total = total._replace(emptied=total.emptied + done.emptied)
            if done.refused:
                return total._replace(refused=done.refused)
    return total


async def _empty(store: Store, found: Sequence[Found], deleted: Mapping[str, int | None]) -> tuple[Done, list[str]]:
    """The result, and the ids of documents that changed meanwhile: read and empty them again."""
    bodies = [(each, ledger.emptied(each.source, deleted[each.ref.id])) for each in found]
    changes = [(each, body) for each, body in bodies if body is not None]
    outcomes = await store.amend(changes)
    changed = [each.ref.id for (each, _), result in zip(changes, outcomes, strict=True) if result.status == "conflict"]
    refused = sum(outcome.status == "refused" for outcome in outcomes)
    return Done(len(changes) - len(changed) - refused, len(found) - len(changes), refused), changed
