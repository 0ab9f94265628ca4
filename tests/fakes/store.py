"""A document store in memory. Like the one in Elasticsearch, it passes tests/contract/test_store.py."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, reduce
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from hashtide.elasticsearch.templates import packaged_templates
from hashtide.elasticsearch.values import Document, Found, Outcome, Ref

Operation = Literal["create", "put", "amend", "get", "locate", "find", "newest", "made", "scan", "order"]
T = TypeVar("T")


class Held(NamedTuple):
    """A document as stored."""

    body: bytes
    version: int
    seq_no: int


class Step(NamedTuple):
    """A step of a call: `done` of its `of` documents are written. A read has one step, before it reads."""

    operation: Operation
    done: int
    of: int


class Crash(Exception):
    """A worker's crash, at any step."""


Interrupt = Callable[[Step], Awaitable[None]]


async def never(_: Step) -> None:
    """The interrupt that never interrupts."""


def crash_at(moment: int) -> Interrupt:
    """Raises Crash at the step of that number, counted from 0 over all calls, and at every later one."""
    passed = 0

    async def interrupt(_: Step) -> None:
        nonlocal passed
        passed += 1
        if passed > moment:
            raise Crash

    return interrupt


class FakeStore:
    """stream_jobs.store.store.Store in a dict, which several workers can share.

    `interrupt` is awaited at every Step: before a bulk's first write, between any two, and after the last one before
    the answer. It may raise, be cancelled, or wait while another worker continues. `order` is the order in which the
    documents of a bulk of n are written: Elasticsearch guarantees none. `refusal` is why a document is refused, or "".
    `dropped` are the indices dropped by retention. `searchable` is what `find` sees as of the last refresh: everything
    if None.
    """

    def __init__(self, documents: dict[Ref, Held] | None = None, interrupt: Interrupt = never) -> None:
        self.documents = {} if documents is None else documents
        self.interrupt = interrupt
        self.order: Callable[[int], Iterable[int]] = range
        self.refusal: Callable[[str, dict[str, Any]], str] = template_refusal
        self.dropped: set[str] = set()
        self.searchable: dict[Ref, Held] | None = None

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        def write(document: Document) -> Outcome:
            return self._write(document.ref, document.body, 1, conflict=document.ref in self.documents)

        return await self._bulk("create", documents, write)

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        def write(document: Document) -> Outcome:
            held = self.documents.get(document.ref)
            conflict = held is not None and document.version < held.version
            return self._write(document.ref, document.body, document.version, conflict)

        return await self._bulk("put", documents, write)

    async def amend(self, changes: Sequence[tuple[Found, bytes]]) -> list[Outcome]:
        def write(change: tuple[Found, bytes]) -> Outcome:
            found, body = change
            held = self.documents.get(found.ref)
            conflict = held is None or held.seq_no != found.seq_no
            return self._write(found.ref, body, found.version + 1, conflict)

        return await self._bulk("amend", changes, write)

    async def get(self, refs: Sequence[Ref]) -> list[Found | None]:
        if refs:
            await self.interrupt(Step("get", 0, len(refs)))
        return [self._found(ref) for ref in refs]

    async def locate(self, pattern: str, ids: Sequence[str]) -> list[Found]:
        if ids:
            await self.interrupt(Step("locate", 0, len(ids)))
        refs = [ref for ref in self.documents if ref.id in ids and fnmatchcase(ref.index, pattern)]
        return [found for ref in refs if (found := self._found(ref)) is not None]

    async def find(self, pattern: str, values: Mapping[str, str | int], until_ms: int, most: int) -> list[Found]:
        await self.interrupt(Step("find", 0, 1))
        seen = self.documents if self.searchable is None else self.searchable
        found = [_found(ref, held) for ref, held in seen.items() if _in(ref.index, pattern)]
        return [f for f in found if f.source["@timestamp"] <= until_ms and _has(f.source, values)][:most]

    async def newest(self, pattern: str, values: Mapping[str, str | int]) -> int:
        await self.interrupt(Step("newest", 0, 1))
        found = [_found(ref, held) for ref, held in self.documents.items() if _in(ref.index, pattern)]
        return max((f.source["@timestamp"] for f in found if _has(f.source, values)), default=-1)

    async def scan(self, pattern: str, from_ms: int, to_ms: int) -> AsyncIterator[list[Found]]:
        await self.interrupt(Step("scan", 0, 1))
        found = [_found(ref, held) for ref, held in self.documents.items() if _in(ref.index, pattern)]
        yield [f for f in found if from_ms <= f.source["@timestamp"] < to_ms]

    async def made(self, pattern: str) -> dict[str, int]:
        await self.interrupt(Step("made", 0, 1))
        first: dict[str, int] = {}
        for number, ref in enumerate(self.documents):  # in order of creation
            if _in(ref.index, pattern):
                first.setdefault(ref.index, number)
        return first

    def drop(self, index: str, *, fenced: bool = True) -> None:
        """Delete an index with its documents; if `fenced`, no write creates it again."""
        for ref in [ref for ref in self.documents if ref.index == index]:
            del self.documents[ref]
        if fenced:
            self.dropped.add(index)

    async def _bulk(self, operation: Operation, items: Sequence[T], write: Callable[[T], Outcome]) -> list[Outcome]:
        if not items:
            return []
        outcomes: dict[int, Outcome] = {}
        await self.interrupt(Step(operation, 0, len(items)))
        for i in self.order(len(items)):
            outcomes[i] = write(items[i])
            await self.interrupt(Step(operation, len(outcomes), len(items)))
        return [outcomes[i] for i in range(len(items))]

    def _write(self, ref: Ref, body: bytes, version: int, conflict: bool) -> Outcome:
        if ref.index in self.dropped:
            return Outcome("dropped", "retention has dropped the indices of its day")
        if conflict:
            return Outcome("conflict")
        if problem := self.refusal(ref.index, msgspec.json.decode(body)):
            return Outcome("refused", problem)
        held = self.documents.get(ref)
        self.documents[ref] = Held(body, version, held.seq_no + 1 if held else 0)
        return Outcome("done")

    def _found(self, ref: Ref) -> Found | None:
        held = self.documents.get(ref)
        return None if held is None else _found(ref, held)


def _in(index: str, pattern: str) -> bool:
    return any(fnmatchcase(index, each) for each in pattern.split(","))


def _found(ref: Ref, held: Held) -> Found:
    return Found(ref, msgspec.json.decode(held.body), held.version, held.seq_no, 1)


def _has(source: dict[str, Any], values: Mapping[str, str | int]) -> bool:
    def value(name: str) -> Any:
        return reduce(lambda object_, key: object_.get(key, {}), name.split("."), source)

    return all(value(name) == wanted for name, wanted in values.items())


def template_refusal(index: str, source: dict[str, Any]) -> str:
    """Why Elasticsearch refuses a document under the shipped templates (their mappings are strict), or ""."""
    return _refusal(_properties(index), source)


@cache
def _properties(index: str) -> dict[str, Any]:
    for template in packaged_templates().values():
        if any(fnmatchcase(index, pattern) for pattern in template["index_patterns"]):
            properties: dict[str, Any] = template["template"]["mappings"]["properties"]
            return properties
    raise AssertionError(f"no template is for {index}")


MAX_TERM_BYTES = 32_766  # Lucene's limit for one keyword


def _refusal(properties: dict[str, Any], source: dict[str, Any]) -> str:
    for name, value in source.items():
        field = properties.get(name)
        if field is None:
            return f"strict_dynamic_mapping_exception: [{name}]"
        if "properties" in field:
            if problem := _refusal(field["properties"], value):
                return problem
        elif field["type"] != "object":
            for each in value if isinstance(value, list) else [value]:
                if each is not None and not _fits(field["type"], each):
                    return f"document_parsing_exception: [{name}]"
    return ""


def _fits(type_: str, value: Any) -> bool:
    match type_:
        case "text":
            return isinstance(value, str)
        case "keyword":
            return isinstance(value, str) and len(value.encode()) <= MAX_TERM_BYTES
        case "boolean":
            return isinstance(value, bool)
        case "short":
            return isinstance(value, int) and -(2**15) <= value < 2**15
        case "integer":
            return isinstance(value, int) and -(2**31) <= value < 2**31
        case _:  # long, and date in milliseconds
            return isinstance(value, int) and -(2**63) <= value < 2**63
