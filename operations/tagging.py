"""`hashtide tag`: parse and enrich, without any server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hashtide.contract.messages import Control, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Pseudonyms
from producers import formats
from producers.sources.received import Received
from producers.validation import validate_and_pseudonymise
from stream_jobs.domain.enrich import Enricher
from stream_jobs.enriched import EnrichedPost


def tag(
    line: Received, format: str, enricher: Enricher, *, now_ms: int, names: Pseudonyms
) -> Iterator[dict[str, Any] | InvalidPost]:
    """For each post or edit in a payload line, its tags as JSON-ready values, or the error if it is invalid."""
    for outcome in formats.parse(line.payload, format):
        if isinstance(outcome, Control | PostDelete):
            continue
        if isinstance(outcome, InvalidPost):
            yield outcome
            continue
        try:
            validate_and_pseudonymise(outcome, now_ms=now_ms, names=names, origin="replay", source="file")
        except InvalidPost as error:
            yield error
            continue
        # Not pseudonymised: the user has the payload anyway, and knows the post by its original id.
        yield shown(enricher.enrich(outcome.post if isinstance(outcome, PostEdit) else outcome))


def shown(post: EnrichedPost) -> dict[str, Any]:
    """A tagged post for output; ids are prefixed with the platform, `x:123`."""
    created = datetime.fromtimestamp(post.created_at_ms / 1000, UTC)
    return {
        "id": f"{post.platform}:{post.post_id}",
        "platform": post.platform,
        "created_at": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "kind": post.kind,
        "in_reply_to": None if post.in_reply_to is None else f"{post.platform}:{post.in_reply_to}",
        "answers_root": post.answers_root,
        "hashtags": list(post.hashtags),
        "campaigns": list(post.campaigns),
        "why": post.why,
        "language": post.language,
        "language_source": post.language_source,
        "language_confidence": post.language_confidence,
        "language_claimed": post.language_claimed,
        "region": post.region,
        "region_source": post.region_source,
        "region_confidence": post.region_confidence,
    }
