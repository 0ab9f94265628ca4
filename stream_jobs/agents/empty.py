"""Emptying ledger entries, never before their posts are counted.

After a crash, a record is counted by its ledger entry. So an entry may be emptied only when its post is certainly
counted: by the worker of the entry's partition, at a later offset than the entry's. In every other case (the deletion
is in another partition, or at an earlier offset), an order is sent to the entry's partition.
"""

from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from hashtide.contract.messages import EmptyEntry
from hashtide.elasticsearch.values import Found, Ref
from stream_jobs.documents.ledger import ledger_position
from stream_jobs.enriched import Position
from stream_jobs.store.emptying import empty_entries
from stream_jobs.store.store import Store


class SendOrder(Protocol):
    """Sends orders to a partition of posts.raw; returns when Kafka has acknowledged them."""

    def __call__(self, partition: int, orders: Sequence[EmptyEntry]) -> Awaitable[None]: ...


class Emptier:
    """Empties entries of earlier offsets of the same partition, and sends orders for all others."""

    def __init__(self, store: Store, send_order: SendOrder, topic_id: str) -> None:
        self._store, self._send_order, self._topic_id = store, send_order, topic_id

    async def carry_out(self, order: EmptyEntry, partition: int, offset: int) -> None:
        """Carry out an order that is at this position. Does nothing if the entry does not exist.

        Idempotent. Waits while Kafka or the store is unavailable.
        """
        found = await self._store.get([Ref(order.index, order.id)])
        entries = [entry for entry in found if entry is not None]
        at = Position(self._topic_id, partition, offset)
        await self.empty(entries, {order.id: order.deleted_at_ms}, {order.id: at})

    async def empty(
        self, entries: Sequence[Found], deleted: Mapping[str, int | None], at: Mapping[str, Position]
    ) -> None:
        """Empty entries, or send orders to do so. Idempotent. Waits while Kafka or the store is unavailable.

        By ledger id: `deleted`, the time of deletion in milliseconds, if known; `at`, the position of the deletion or
        order in posts.raw. Entries of another incarnation of the topic are left unchanged.
        """
        here: list[Found] = []
        elsewhere: defaultdict[int, list[EmptyEntry]] = defaultdict(list)
        for entry in entries:
            entered, said, id_ = ledger_position(entry.source), at[entry.ref.id], entry.ref.id
            if (entered.topic, entered.partition) == (said.topic, said.partition) and entered.offset < said.offset:
                here.append(entry)
            elif entered.topic == self._topic_id and "deleted_at" not in entry.source:
                order = EmptyEntry(index=entry.ref.index, id=id_, deleted_at_ms=deleted[id_])
                elsewhere[entered.partition].append(order)
        await empty_entries(self._store, here, deleted)
        for partition, orders in elsewhere.items():
            await self._send_order(partition, orders)
