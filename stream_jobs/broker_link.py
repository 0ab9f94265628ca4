"""aiokafka's clients while no broker answers: they pause between their tries, and the outage is told of once.

On their own they try again at once, 1,400 times a second and client, with two lines in the log each time: aiokafka
0.14.0 asks for another update of its metadata whenever a connection fails, which is within that update, too.
"""

import asyncio
from typing import Any, Final

from producers import outages

PAUSE_S: Final = 0.5


def calm(client: Any) -> None:
    """Have an AIOKafkaClient, of this thread's loop, pause after a round in which no broker answered."""
    update, outage = client._metadata_update, outages.of("Kafka")

    async def patiently(cluster: Any, topics: Any) -> bool:
        if await update(cluster, topics):
            outage.worked(client)
            return True
        brokers = ",".join(sorted(f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()))
        outage.failed(client, f"no answer from Kafka at {brokers}", "away")
        await asyncio.sleep(PAUSE_S)
        # Once more, after this one has been noted: else a client that finds its broker by another way never says so.
        asyncio.get_running_loop().call_soon(client.force_metadata_update)
        return False

    client._metadata_update = patiently
