"""Gap and canary documents."""

from hashtide.contract.messages import Canary, Gap
from hashtide.contract.names import CANARIES, INGEST_GAPS
from hashtide.elasticsearch.values import Document, Ref
from stream_jobs.documents.encoding import digest, to_json


def gap_document(gap: Gap) -> Document:
    """A gap document. Its id covers all its fields, so reporting a gap again is idempotent."""
    body = {
        "@timestamp": gap.from_ms,
        "event": {"start": gap.from_ms, "end": gap.to_ms, "reason": gap.reason},
        "source": gap.source,
        "estimated_posts": gap.estimated_posts,
    }
    return Document(Ref(INGEST_GAPS, digest((gap.source, gap.from_ms, gap.to_ms, gap.reason))), to_json(body))


def canary_document(canary: Canary) -> Document:
    """A canary document. Only the first 3 hex digits of its id name it: 4,096 ids, so the index stays bounded."""
    body = {"@timestamp": canary.sent_at_ms, "id": canary.id}
    return Document(Ref(CANARIES, canary.id[:3]), to_json(body), canary.sent_at_ms)
