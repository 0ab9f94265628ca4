"""Retention in Elasticsearch: drop data that is too old, so that a late post can't bring it back.

Daily indices are dropped whole; gaps and canaries, one by one. First a fence prevents that Elasticsearch creates a
dropped index again: an index template for the names of all days that are too old, with `allow_auto_create: false`
(Elasticsearch guide, "Create or update an index template"). A bulk item for such an index gets a 404, which the count
agent reports as `older-than-retention` (docs/decisions/0011-dropped-days-stay-dropped.md).
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Any, Final

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from hashtide.contract import names
from hashtide.contract.names import CANARIES, INGEST_GAPS
from hashtide.elasticsearch.client import Where, connect_async
from hashtide.errors import HashtideError
from hashtide.times import HOUR_MS
from operations.retention import rules
from operations.retention.rules import RetentionPolicy

FENCE: Final = "hashtide-dropped"
"""The templates are named FENCE-FAMILY-DAY: runs with different settings never write the same one. All of them apply,
so the latest day always does, whichever run comes last."""

ABOVE_OTHERS: Final = 1_000
"""Minimum priority of a fence. It increases with the day: templates of equal priority must not overlap."""

REQUEST_TIMEOUT_S: Final = 60.0
AT_ONCE: Final = 1_000
CLOCKS_DIFFER_MS: Final = HOUR_MS


class NothingDropped(HashtideError):
    """Dropping would not be safe. The message says why."""


class Dropped(msgspec.Struct, frozen=True):
    """An index that was dropped; in a dry run, that would be. None: unknown, because the index is closed."""

    index: str
    documents: int | None
    bytes: int | None


class RetentionReport(msgspec.Struct, kw_only=True):
    """What was dropped; in a dry run, what would be."""

    dry_run: bool
    first_days: dict[str, str] = {}
    """The first day that stays, per index family. Indices of earlier days are not created again."""
    dropped: list[Dropped] = []
    failed: dict[str, str] = {}
    """Indices that should have been dropped and still exist, with the reason."""
    left: dict[str, str] = {}
    """Indices that are named like our daily ones but are not, or whose day is in the future, with the reason."""
    gaps: int = 0
    canaries: int = 0


async def enforce(where: Where, keep: RetentionPolicy, now_ms: int, *, dry_run: bool = False) -> RetentionReport:
    """Drop what is older than `keep` says. Idempotent; several may run at once.

    One index that can't be dropped does not stop the others: it is in `failed`. Retries nothing; the caller retries.
    Raises NothingDropped, elasticsearch.ApiError, elastic_transport.TransportError.
    """
    client = connect_async(where, REQUEST_TIMEOUT_S)
    try:
        return await _enforce(client, keep, now_ms, dry_run)
    finally:
        await client.close()


async def _enforce(client: AsyncElasticsearch, keep: RetentionPolicy, now_ms: int, dry_run: bool) -> RetentionReport:
    await _check_clock(client, now_ms)
    firsts = keep.firsts(now_ms)
    report = RetentionReport(dry_run=dry_run, first_days={family: _dotted(first) for family, first in firsts.items()})
    found = await _daily_indices(client)
    expired, report.left = rules.sort(found, firsts, now_ms)
    if not dry_run:
        await _fence(client, firsts)
    for index in expired:
        try:
            if dry_run or await _drop(client, index):
                report.dropped.append(found[index])
        except (ApiError, TransportError) as error:
            report.failed[index] = str(error)
    before_ms = keep.gaps_before_ms(now_ms)
    if before_ms is not None:
        report.gaps = await _delete_before(client, INGEST_GAPS, "event.end", before_ms, report)
        report.canaries = await _delete_before(client, CANARIES, "@timestamp", before_ms, report)
    return report


async def _check_clock(client: AsyncElasticsearch, now_ms: int) -> None:
    """Compare the clocks: with a clock one year ahead, everything would be dropped for good. Raises NothingDropped."""
    answer = await client.nodes.stats(node_id="_local", metric="breaker", filter_path="nodes.*.timestamp")
    for node in answer.body["nodes"].values():
        if abs(node["timestamp"] - now_ms) > CLOCKS_DIFFER_MS:
            hours = abs(node["timestamp"] - now_ms) / HOUR_MS
            raise NothingDropped(
                f"the clocks of this machine and Elasticsearch differ by {hours:,.1f} h: nothing was dropped. "
                "Correct the clocks"
            )


async def _daily_indices(client: AsyncElasticsearch) -> dict[str, Dropped]:
    """All indices with names like our daily ones, also closed ones, with their sizes. Aliases are resolved."""
    families = [f"{family}-*" for family in names.DAILY_FAMILIES]
    named = await client.indices.get_settings(
        index=families, name="index.creation_date", expand_wildcards=["open", "closed", "hidden"]
    )
    sizes = await client.indices.stats(index=families, metric=["docs", "store"], level="indices")
    found = {}
    for index in named.body:
        of_all = sizes.body["indices"].get(index)
        documents = of_all["primaries"]["docs"]["count"] if of_all else None
        found[index] = Dropped(index, documents, of_all["total"]["store"]["size_in_bytes"] if of_all else None)
    return found


async def _fence(client: AsyncElasticsearch, firsts: dict[str, date]) -> None:
    """Prevent the creation of indices before these days. A fence of an earlier run stays if its day is later.

    Raises NothingDropped.
    """
    answer = await client.options(ignore_status=404).indices.get_index_template(name=f"{FENCE}-*")
    existing = {item["name"] for item in answer.body.get("index_templates", [])}
    for family, first in firsts.items():
        wanted = _fence_name(family, first)
        ours = sorted(name for name in existing if name.startswith(f"{FENCE}-{family}-"))  # by day
        patterns = rules.patterns(family, first)
        if patterns and not (ours and ours[-1] >= wanted):
            put = await client.indices.put_index_template(
                name=wanted,
                index_patterns=patterns,
                priority=ABOVE_OTHERS + first.toordinal(),
                allow_auto_create=False,
                template={},
                meta={"description": "days that Hashtide's retention has dropped; made by `hashtide retention`"},
            )
            if not put["acknowledged"]:
                raise NothingDropped(
                    f"not every Elasticsearch node has acknowledged the template {wanted}: nothing was dropped"
                )
            ours.append(wanted)
        for name in ours[:-1]:
            with suppress(NotFoundError):  # another run has deleted it
                await client.indices.delete_index_template(name=name)


async def _drop(client: AsyncElasticsearch, index: str) -> bool:
    """Delete exactly this index, no wildcards; returns whether it existed."""
    try:
        await client.indices.delete(index=index, expand_wildcards="none")
    except NotFoundError:
        return False
    return True


async def _delete_before(
    client: AsyncElasticsearch, index: str, field: str, before_ms: int, report: RetentionReport
) -> int:
    """Delete the documents with `field` before `before_ms`, or count them in a dry run; returns their number."""
    query = {"range": {field: {"lt": before_ms, "format": "epoch_millis"}}}
    try:
        if report.dry_run:
            return int((await client.count(index=index, query=query, ignore_unavailable=True))["count"])
        deleted = 0
        while True:
            await client.indices.refresh(index=index, ignore_unavailable=True)
            found = await client.search(
                index=index, query=query, size=AT_ONCE, source=False, seq_no_primary_term=True, ignore_unavailable=True
            )
            done = await _delete(client, found["hits"]["hits"])
            deleted += done
            if not done:  # nothing is left, or only documents that others are changing
                return deleted
    except (ApiError, TransportError) as error:
        report.failed[index] = str(error)
        return 0


async def _delete(client: AsyncElasticsearch, hits: Iterable[dict[str, Any]]) -> int:
    """Delete documents unless they changed since the search, as a canary's may; returns their number."""
    operations = [
        {"delete": {"_index": hit["_index"], "_id": hit["_id"]}
         | {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}}
        for hit in hits
    ]  # fmt: skip
    if not operations:
        return 0
    answer = await client.bulk(operations=operations)
    return sum(item["delete"]["status"] == 200 for item in answer["items"])


def _fence_name(family: str, first: date) -> str:
    return f"{FENCE}-{family}-{_dotted(first)}"


def _dotted(day: date) -> str:
    return day.strftime("%Y.%m.%d")
