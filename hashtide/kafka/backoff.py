"""aiokafka's clients while no broker answers: they pause between their tries, and the outage is told of once.

On their own they try again at once, 1,400 times a second and client, with two lines in the log each time: aiokafka
0.14.0 asks for another update of its metadata whenever a connection fails, which is within that update, too. And of a
broker that takes requests and answers none they say nothing until a request's time is over, which is 90 s with Faust.
"""

import asyncio
from typing import Any, Final

from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from hashtide import outages
from hashtide.kafka.clients import REFUSED_S, refusal
from hashtide.settings import Common

PAUSE_S: Final = 0.5
SILENCE_S: Final = 10.0
"""Without an answer for so long, a broker counts as away. Most requests take milliseconds, a fetch half a second."""
MAY_WAIT: Final = (JoinGroupRequest, SyncGroupRequest)
"""Answered when the whole group has joined."""


def patch_backoff(client: Any, settings: Common) -> None:
    """Have an AIOKafkaClient, of this thread's loop, pause after a round in which no broker answered, or let us in; and
    tell of a broker that keeps silent."""
    _pause(client, settings)
    _watch(client)


def _watch(client: Any) -> None:
    send, outage = client.send, outages.of("Kafka")

    async def watched(node_id: int, request: Any, **group: Any) -> Any:
        if isinstance(request, MAY_WAIT):
            return await send(node_id, request, **group)
        loop, who = asyncio.get_running_loop(), (client, node_id)
        due: asyncio.TimerHandle

        def tell() -> None:
            nonlocal due
            broker = client.cluster.broker_metadata(node_id)
            outage.failed(
                who, f"no answer from Kafka at {broker.host}:{broker.port}" if broker else "no answer", "away"
            )
            due = loop.call_later(SILENCE_S, tell)

        due = loop.call_later(SILENCE_S, tell)
        try:
            answer = await send(node_id, request, **group)
        except BaseException:
            outage.left(who)  # whether the broker is back, another request will tell
            raise
        finally:
            due.cancel()
        outage.worked(who)
        return answer

    client.send = watched


def _pause(client: Any, settings: Common) -> None:
    update, outage = client._metadata_update, outages.of("Kafka")

    async def patiently(cluster: Any, topics: Any) -> bool:
        if await update(cluster, topics):
            outage.worked(client)
            return True
        brokers = ",".join(sorted(f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()))
        if why := await asyncio.to_thread(refusal, settings):  # aiokafka tells it to nobody but the log
            outage.failed(client, why, "refused", REFUSED_S)
        else:
            outage.failed(client, f"no answer from Kafka at {brokers}", "away")
        await asyncio.sleep(REFUSED_S if why else PAUSE_S)
        # Once more, after this one has been noted: else a client that finds its broker by another way never says so.
        asyncio.get_running_loop().call_soon(client.force_metadata_update)
        return False

    client._metadata_update = patiently
