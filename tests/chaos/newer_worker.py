"""`hashtide` as a later version of it might be: `python -m tests.chaos.newer_worker worker ...`.

It writes a field that no reader of today knows into each order and dead letter that it sends, and into documents of
the ledger (`mood`) and of counts (`kafka.mood`), for which `newer_templates` has the mappings. And it reads posts of
the next schema, which are like those of today but for the name of one field.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final
from unittest.mock import patch

import msgspec

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.versions import SCHEMA
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.elasticsearch.values import Document, Outcome
from operations.cli import main
from stream_jobs import app, kafka_sink
from stream_jobs.agents import enrich
from stream_jobs.store.elasticsearch import Elasticsearch

MOOD: Final = "calm"
NEWER_POST: Final = f"post/{SCHEMA + 1}"


def newer_templates() -> dict[str, dict[str, Any]]:
    """The index templates of this later version: of the next version, and of the same schema."""
    newer = deepcopy(packaged_templates())
    for name in ("hashtide-posts", "hashtide-reply-volume", "hashtide-hashtag-volume"):
        newer[name]["version"] += 1
        properties = newer[name]["template"]["mappings"]["properties"]
        (properties["kafka"]["properties"] if "kafka" in properties else properties)["mood"] = {"type": "keyword"}
    return newer


def encode(message: messages.Sent | DeadLetter) -> bytes:
    """A message of today, and a field more."""
    return msgspec.json.encode(msgspec.json.decode(messages.encode(message)) | {"mood": MOOD})


def newer_post(post: messages.Post) -> bytes:
    """A post as only this later version can read it."""
    fields = msgspec.json.decode(messages.encode(post))
    return msgspec.json.encode(fields | {"type": NEWER_POST, "said": fields["text"], "text": ["not", "text"]})


def decode(value: bytes) -> messages.Sent:
    """Messages of today's schema, and posts of the next one."""
    if f'"type":"{NEWER_POST}"'.encode() not in value:
        return messages.decode(value)
    fields = msgspec.json.decode(value)
    return messages.decode(msgspec.json.encode(fields | {"type": "post", "text": fields["said"]}))


class NewerElasticsearch(Elasticsearch):
    """The store, with a field more in what is written."""

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        return await super().create([_with_mood(document) for document in documents])

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        return await super().put([_with_mood(document) for document in documents])


def _with_mood(document: Document) -> Document:
    source = msgspec.json.decode(document.body)
    if document.ref.index.startswith("posts-"):
        source["mood"] = MOOD
    elif "kafka" in source:
        source["kafka"]["mood"] = MOOD
    return msgspec.structs.replace(document, body=msgspec.json.encode(source))


if __name__ == "__main__":
    with (
        patch.multiple(enrich, decode=decode),
        patch.multiple(kafka_sink, encode=encode),
        patch.multiple(app, Elasticsearch=NewerElasticsearch),
    ):
        main.main()
