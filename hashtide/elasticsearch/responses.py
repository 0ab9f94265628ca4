"""What Elasticsearch's answers mean: what is done, what passes and is tried again, what is refused for good.

Pure.
"""

import re
from typing import Any

from elasticsearch import ApiError

from hashtide.elasticsearch.values import Found, Outcome, Ref

PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may go away by themselves (RFC 9110, RFC 6585). No other 4xx is ever tried again."""

DONE, CONFLICT = Outcome("done"), Outcome("conflict")

GONE = re.compile(r"no such index \[[^ \[\]]+\]")
"""Why a document was not written whose index went while the bulk was under way."""
FENCED = "forbids index auto creation"
"""Why one was not written whose index would have to be made first, where retention forbids it."""


class Passing(Exception):
    """Elasticsearch is down, slow or busy: worth another try. `reason` is a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class TooLarge(Exception):
    """413: the request is larger than Elasticsearch takes."""


def classify_error(error: ApiError) -> Exception:
    """What an error answer to a whole request means."""
    if error.status_code == 413:
        return TooLarge()
    if error.status_code in PASSING:
        return Passing(f"status-{error.status_code}", error.message)
    if error.status_code == 401:
        # It let us in at the start (indices.check). One that restarts refuses everybody until its users are loaded.
        return Passing("status-401", "the login is not accepted any more: has it changed?")
    if error.status_code == 403 and "cluster_block_exception" in str(error.body):
        return Passing("blocked", "the index is read-only: is the disk full?")
    return error


def outcome(result: dict[str, Any]) -> Outcome | None:
    """What one item's answer means; None: turned away for now."""
    status = result["status"]
    if status < 300:
        return DONE
    if status == 409:
        return CONFLICT
    error = result.get("error", {})
    if status in PASSING or error.get("type") == "cluster_block_exception" or _full(error):
        return None
    if error.get("type") == "index_not_found_exception":
        if FENCED in error["reason"]:
            return Outcome("dropped", "retention has dropped the indices of its day")
        if GONE.fullmatch(error["reason"]):
            return None  # the next try meets the fence, or makes the index anew
    return refused(error.get("type", str(status)), error.get("reason", ""))


def _full(error: dict[str, Any]) -> bool:
    """The index of a new day can't be made, for the cluster has all the shards that it may. An operator can change
    that, so it passes. Elasticsearch's documentation, "Cluster shard limit" (cluster.max_shards_per_node)."""
    return error.get("type") == "validation_exception" and "shards open" in error["reason"]


def retryable_error(result: dict[str, Any]) -> Passing:
    """Why an item has to be tried again."""
    status, error = result["status"], result["error"]
    if _full(error):
        return Passing("shards", "no shard is left for a new day's index: hashtide retention, or more nodes")
    return Passing(f"item-{status}", error["type"])


def refused(kind: str, detail: str) -> Outcome:
    """A document that will never be written; it goes to the dead letters."""
    detail = detail.partition(" Preview of field's value")[0]  # it goes on with what is in the document
    return Outcome("refused", f"{kind}: {detail}"[:500])


def found(item: dict[str, Any]) -> Found | None:
    """An item of a multi-get; None: it is not there, or its index is not.

    Raises Passing where nobody can tell, as while a shard starts.
    """
    error = item.get("error", {}).get("type", "index_not_found_exception")
    if error != "index_not_found_exception":
        raise Passing("shard", error)
    return hit(item) if item.get("found") else None


def hit(item: dict[str, Any]) -> Found:
    """A document as searches and multi-gets tell it, with its version and its place in the index's history."""
    return Found(
        Ref(item["_index"], item["_id"]), item["_source"], item["_version"], item["_seq_no"], item["_primary_term"]
    )
