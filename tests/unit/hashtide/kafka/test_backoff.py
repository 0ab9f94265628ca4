"""A broker that accepts requests but does not answer: logged once while requests wait, and once when it answers."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest

from hashtide import outages
from hashtide.kafka import backoff
from hashtide.settings import Common

REMEDY = " (`hashtide doctor` says what is wrong)"


class Client:
    """The part of AIOKafkaClient that `patch_backoff` uses. The test decides when it answers."""

    def __init__(self) -> None:
        broker = SimpleNamespace(host="kafka.example.org", port=9092)
        self.cluster = SimpleNamespace(broker_metadata=lambda _: broker, brokers=lambda: {broker})
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def _metadata_update(self, cluster: Any, topics: Any) -> bool:
        return True

    async def send(self, node_id: int, request: Any, *, group: int = 0) -> str:
        return await asyncio.shield(self.answer)


class Clock:
    """The clock of an outage. It stands still and counts its readings: one for each timeout."""

    def __init__(self) -> None:
        self.readings = 0

    def __call__(self) -> float:
        self.readings += 1
        return 1000.0


async def comes(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(backoff, "SILENCE_S", 0.01)
    clock = Clock()
    monkeypatch.setattr(outages, "Outage", partial(outages.Outage, monotonic=clock))
    return clock


def heartbeat() -> Any:
    return HeartbeatRequest("hashtide", 1, "member")


async def test_logs_one_line_while_broker_is_silent_and_one_on_recovery(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    waiting = asyncio.create_task(client.send(1, heartbeat()))
    await comes(lambda: clock.readings >= 5)
    assert caplog.messages == [f"no answer from Kafka at kafka.example.org:9092; trying again{REMEDY}"]
    client.answer.set_result("well")
    assert await waiting == "well"
    assert caplog.messages[1:] == ["Kafka is back after 0 s"]


async def test_logs_recovery_on_next_answer_not_on_cancelled_request(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    waiting = asyncio.create_task(client.send(1, heartbeat()))
    await comes(lambda: clock.readings >= 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(caplog.messages) == 1
    client.answer.set_result("well")
    await client.send(2, heartbeat(), group=1)
    assert caplog.messages[1:] == ["Kafka is back after 0 s"]


async def test_slow_group_join_is_not_logged_as_outage(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    joining = asyncio.create_task(client.send(1, JoinGroupRequest("hashtide", 1, 1, "", "", "consumer", [])))
    await asyncio.sleep(0.05)
    client.answer.set_result("joined")
    assert await joining == "joined"
    assert caplog.messages == []
