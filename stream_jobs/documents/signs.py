"""Documents of gaps and canaries."""

from hashtide.contract.messages import Canary, Gap
from hashtide.contract.names import CANARIES, INGEST_GAPS
from hashtide.elasticsearch.values import Document, Ref
from stream_jobs.documents.encoding import digest, to_json


def gap_document(gap: Gap) -> Document:
    """A gap; its id is made of all it says, so that telling it again makes no second one."""
    body = {
        "@timestamp": gap.from_ms,
        "event": {"start": gap.from_ms, "end": gap.to_ms, "reason": gap.reason},
        "source": gap.source,
        "estimated_posts": gap.estimated_posts,
    }
    return Document(Ref(INGEST_GAPS, digest((gap.source, gap.from_ms, gap.to_ms, gap.reason))), to_json(body))


def canary_document(canary: Canary) -> Document:
    """A canary; one of 4,096 places, by the beginning of its random id, so that the index does not grow without end."""
    body = {"@timestamp": canary.sent_at_ms, "id": canary.id}
    return Document(Ref(CANARIES, canary.id[:3]), to_json(body), canary.sent_at_ms)
