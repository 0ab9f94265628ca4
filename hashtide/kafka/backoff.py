"""aiokafka's clients while no broker answers: they pause between attempts, and the outage is logged once.

Without this, each client retries at once, 1,400 times a second, with two log lines each: aiokafka 0.14.0 requests
another metadata update whenever a connection fails, even within that update. And a broker that accepts requests but
answers none is not reported until the request times out, after 90 s with Faust.
"""

import asyncio
from typing import Any, Final

from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from hashtide import outages
from hashtide.kafka.clients import REFUSED_S, refusal
from hashtide.settings import Common

PAUSE_S: Final = 0.5
SILENCE_S: Final = 10.0
"""A broker that does not answer for this long is reported. Most requests take milliseconds, a fetch half a second."""
SLOW_REQUESTS: Final = (JoinGroupRequest, SyncGroupRequest)
"""Not reported: answered only when the whole group has joined."""


def patch_backoff(client: Any, settings: Common) -> None:
    """Patch an AIOKafkaClient of this thread's loop: pause after a round in which no broker answered or accepted our
    login, and report a silent broker."""
    _pause_between_attempts(client, settings)
    _report_silence(client)


def _report_silence(client: Any) -> None:
    send, outage = client.send, outages.of("Kafka")

    async def watched_send(node_id: int, request: Any, **group: Any) -> Any:
        if isinstance(request, SLOW_REQUESTS):
            return await send(node_id, request, **group)
        loop, caller = asyncio.get_running_loop(), (client, node_id)
        timer: asyncio.TimerHandle

        def report() -> None:
            nonlocal timer
            broker = client.cluster.broker_metadata(node_id)
            outage.failed(
                caller, f"no answer from Kafka at {broker.host}:{broker.port}" if broker else "no answer", "away"
            )
            timer = loop.call_later(SILENCE_S, report)

        timer = loop.call_later(SILENCE_S, report)
        try:
            answer = await send(node_id, request, **group)
        except BaseException:
            outage.left(caller)  # another request will show whether the broker is back
            raise
        finally:
            timer.cancel()
        outage.worked(caller)
        return answer

    client.send = watched_send


def _pause_between_attempts(client: Any, settings: Common) -> None:
    update, outage = client._metadata_update, outages.of("Kafka")

    async def update_or_pause(cluster: Any, topics: Any) -> bool:
        if await update(cluster, topics):
            outage.worked(client)
            return True
        brokers = ",".join(sorted(f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()))
        if why := await asyncio.to_thread(refusal, settings):  # aiokafka only logs the reason
            outage.failed(client, why, "refused", REFUSED_S)
        else:
            outage.failed(client, f"no answer from Kafka at {brokers}", "away")
        await asyncio.sleep(REFUSED_S if why else PAUSE_S)
        # Update once more after this failure: else a client that reaches its broker by another way never reports it.
        asyncio.get_running_loop().call_soon(client.force_metadata_update)
        return False

    client._metadata_update = update_or_pause
