"""Retention in Elasticsearch: what is older than it is kept goes, and can't come back by a post that comes late.

Daily indices go whole; gaps and canaries, one by one. Before an index goes, Elasticsearch is told never to make it
again: by an index template over the names of all days that are too old, with `allow_auto_create: false` (Elasticsearch
guide, "Create or update an index template"). A bulk that would make one gets a 404 for that document, which the count
agent takes for `older-than-retention` (docs/decisions/0011-dropped-days-stay-dropped.md).
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
"""The templates are called FENCE-FAMILY-DAY: two runs with other settings never write the same one, and all are in
force, so that the latest day always is, whoever comes last."""

ABOVE_OTHERS: Final = 1_000
"""The least priority of such a template. It rises with the day: two of one priority must not overlap."""

REQUEST_TIMEOUT_S: Final = 60.0
AT_ONCE: Final = 1_000
CLOCKS_DIFFER_MS: Final = HOUR_MS


class NothingDropped(HashtideError):
    """It would not have been safe. The message says why."""


class Dropped(msgspec.Struct, frozen=True):
    """An index that went, or would; None: not known, of a closed one."""

    index: str
    documents: int | None
    bytes: int | None


class RetentionReport(msgspec.Struct, kw_only=True):
    """What went, or of a dry run, would go."""

    dry_run: bool
    first_days: dict[str, str] = {}
    """For each family of indices the first day that stays: earlier ones are not made any more."""
    dropped: list[Dropped] = []
    failed: dict[str, str] = {}
    """What should have gone and is still there, and why."""
    left: dict[str, str] = {}
    """What looks like a daily index of ours and is none, or is of the future."""
    gaps: int = 0
    canaries: int = 0


async def enforce(where: Where, keep: RetentionPolicy, now_ms: int, *, dry_run: bool = False) -> RetentionReport:
    """Drop what is older than `keep` says. Harmless again and again, and by several at once.

    What one index has against it keeps no other from going: it is in `failed`. Asks each thing once; who calls tries
    again. Raises NothingDropped, elasticsearch.ApiError and elastic_transport.TransportError.
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
    there = await _daily_indices(client)
    going, report.left = rules.sort(there, firsts, now_ms)
    if not dry_run:
        await _fence(client, firsts)
    for index in going:
        try:
            if dry_run or await _drop(client, index):
                report.dropped.append(there[index])
        except (ApiError, TransportError) as error:
            report.failed[index] = str(error)
    before_ms = keep.gaps_before_ms(now_ms)
    if before_ms is not None:
        report.gaps = await _empty(client, INGEST_GAPS, "event.end", before_ms, report)
        report.canaries = await _empty(client, CANARIES, "@timestamp", before_ms, report)
    return report


async def _check_clock(client: AsyncElasticsearch, now_ms: int) -> None:
    """A clock that is a year ahead would have everything dropped, for good."""
    answer = await client.nodes.stats(node_id="_local", metric="breaker", filter_path="nodes.*.timestamp")
    for node in answer.body["nodes"].values():
        if abs(node["timestamp"] - now_ms) > CLOCKS_DIFFER_MS:
            hours = abs(node["timestamp"] - now_ms) / HOUR_MS
            raise NothingDropped(
                f"the clocks of this machine and of Elasticsearch differ by {hours:,.1f} h: set them right. "
                "Nothing was dropped"
            )


async def _daily_indices(client: AsyncElasticsearch) -> dict[str, Dropped]:
    """Every index called as daily ones are, closed ones too, and how large it is. Of an alias, what is behind it."""
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
    """Have no day before these first ones made any more. An earlier run's fence stays where it reaches further."""
    answer = await client.options(ignore_status=404).indices.get_index_template(name=f"{FENCE}-*")
    there = {item["name"] for item in answer.body.get("index_templates", [])}
    for family, first in firsts.items():
        wanted = _fence_name(family, first)
        ours = sorted(name for name in there if name.startswith(f"{FENCE}-{family}-"))  # by day
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
                    f"not every node of Elasticsearch has taken the template {wanted}: nothing was dropped"
                )
            ours.append(wanted)
        for name in ours[:-1]:
            with suppress(NotFoundError):  # another run was faster
                await client.indices.delete_index_template(name=name)


async def _drop(client: AsyncElasticsearch, index: str) -> bool:
    """Delete the one index of this very name; whether it was there."""
    try:
        await client.indices.delete(index=index, expand_wildcards="none")
    except NotFoundError:
        return False
    return True


async def _empty(client: AsyncElasticsearch, index: str, field: str, before_ms: int, report: RetentionReport) -> int:
    """Delete the documents of an index whose `field` is before a moment, or in a dry run, count them; how many."""
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
            if not done:  # nothing is left, or only what changes under our hands
                return deleted
    except (ApiError, TransportError) as error:
        report.failed[index] = str(error)
        return 0


async def _delete(client: AsyncElasticsearch, hits: Iterable[dict[str, Any]]) -> int:
    """Delete documents that are still as they were found (a place of a canary may have a new one); how many."""
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
