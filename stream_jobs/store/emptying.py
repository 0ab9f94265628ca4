"""Emptying ledger documents: what a platform's deletion does, and a person's request. Again and again without harm."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hashtide.contract.bounds import LATEST_MS
from hashtide.contract.names import POSTS
from hashtide.elasticsearch.values import Found
from stream_jobs.documents import ledger
from stream_jobs.store.store import Store

AT_ONCE: Final = 5_000


class Done(NamedTuple):
    """What became of the documents that were found."""

    emptied: int = 0
    empty_already: int = 0
    refused: int = 0
    """By the store, for good."""


async def empty_posts(store: Store, deleted: Mapping[str, int | None]) -> Done:
    """Empty the ledger documents with these ids, in all indices: id -> when the post was deleted, in milliseconds, if
    that is known. What was counted stays counted: it was posted. Waits as the store does."""
    waiting, total = dict(deleted), Done()
    while waiting:
        done, again = await _empty(store, await store.locate(f"{POSTS}-*", list(waiting)), waiting)
        total = Done(*(a + b for a, b in zip(total, done, strict=True)))
        waiting = {id_: waiting[id_] for id_ in again}
    return total


async def empty_authors(store: Store, authors: Sequence[str], at_ms: int) -> Done:
    """Empty every ledger document that names one of these authors, by their hashes. Waits as the store does.

    What is emptied names no author any more, so this is done once none is found.
    """
    total = Done()
    for author in authors:
        of_author: dict[str, str | int] = {"author": author}
        while await store.newest(f"{POSTS}-*", of_author) >= 0:  # it refreshes: the search below sees everything
            found = await store.find(f"{POSTS}-*", of_author, LATEST_MS, AT_ONCE)
            done, _ = await _empty(store, found, dict.fromkeys((each.ref.id for each in found), at_ms))
            total = total._replace(emptied=total.emptied + done.emptied)
            if done.refused:
                return total._replace(refused=done.refused)
    return total


async def _empty(store: Store, found: Sequence[Found], deleted: Mapping[str, int | None]) -> tuple[Done, list[str]]:
    """What was done, and the ids of documents that changed meanwhile: to be read, and emptied, anew."""
    bodies = [(each, ledger.emptied(each.source, deleted[each.ref.id])) for each in found]
    changes = [(each, body) for each, body in bodies if body is not None]
    outcomes = await store.amend(changes)
    again = [each.ref.id for (each, _), outcome in zip(changes, outcomes, strict=True) if outcome.status == "conflict"]
    refused = sum(outcome.status == "refused" for outcome in outcomes)
    return Done(len(changes) - len(again) - refused, len(found) - len(changes), refused), again
