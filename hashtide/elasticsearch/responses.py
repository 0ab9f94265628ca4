"""What Elasticsearch's answers mean: done, transient (retry), or refused for good. Pure."""

import re
from typing import Any

from elasticsearch import ApiError

from hashtide.elasticsearch.values import Found, Outcome, Ref

PASSING = frozenset({429, 502, 503, 504})
"""Transient statuses (RFC 9110, RFC 6585). No other 4xx is ever retried."""

DONE, CONFLICT = Outcome("done"), Outcome("conflict")

GONE = re.compile(r"no such index \[[^ \[\]]+\]")
"""The error of a document whose index was deleted during the bulk."""
FENCED = "forbids index auto creation"
"""The error of a document whose index would have to be created, which retention forbids."""


class Passing(Exception):
    """Elasticsearch is down, slow or busy: retry. `reason` is a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class TooLarge(Exception):
    """413: the request is larger than Elasticsearch accepts."""


def classify_error(error: ApiError) -> Exception:
    """The exception for an error answer to a whole request."""
    if error.status_code == 413:
        return TooLarge()
    if error.status_code in PASSING:
        return Passing(f"status-{error.status_code}", error.message)
    if error.status_code == 401:
        # It accepted the login at start (indices.check). While it restarts, it refuses all until its users are loaded.
        return Passing("status-401", "the login is no longer accepted: has it changed?")
    if error.status_code == 403 and "cluster_block_exception" in str(error.body):
        return Passing("blocked", "the index is read-only: is the disk full?")
    return error


def outcome(result: dict[str, Any]) -> Outcome | None:
    """What the answer for one bulk item means; None: refused for now, retry."""
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
            return None  # the next attempt meets the fence, or creates the index again
    return refused(error.get("type", str(status)), error.get("reason", ""))


def _full(error: dict[str, Any]) -> bool:
    """Whether the cluster is at its shard limit, so that a new day's index cannot be created. An operator can change
    that, so it is transient. Elasticsearch's documentation, "Cluster shard limit" (cluster.max_shards_per_node)."""
    return error.get("type") == "validation_exception" and "shards open" in error["reason"]


def retryable_error(result: dict[str, Any]) -> Passing:
    """The exception for a bulk item that must be retried."""
    status, error = result["status"], result["error"]
    if _full(error):
        return Passing("shards", "no shard is left for a new day's index: run `hashtide retention`, or add nodes")
    return Passing(f"item-{status}", error["type"])


def refused(kind: str, detail: str) -> Outcome:
    """A document that will never be written; it becomes a dead letter."""
    detail = detail.partition(" Preview of field's value")[0]  # the rest quotes the document
    return Outcome("refused", f"{kind}: {detail}"[:500])


def found(item: dict[str, Any]) -> Found | None:
    """An item of a multi-get; None: the document or its index does not exist.

    Raises Passing if that is unknown, as while a shard starts.
    """
    error = item.get("error", {}).get("type", "index_not_found_exception")
    if error != "index_not_found_exception":
        raise Passing("shard", error)
    return hit(item) if item.get("found") else None


def hit(item: dict[str, Any]) -> Found:
    """A document of a search or multi-get, with its version and its position in the index's history."""
    return Found(
        Ref(item["_index"], item["_id"]), item["_source"], item["_version"], item["_seq_no"], item["_primary_term"]
    )
