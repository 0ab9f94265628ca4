"""A broker that takes requests and answers none is told of while they wait, and once more when it answers."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest

from hashtide.kafka import backoff
from hashtide.settings import Common

REMEDY = " (`hashtide doctor` says what is wrong)"


class Client:
    """What `calm` asks of an AIOKafkaClient. It answers when told to."""

    def __init__(self) -> None:
        broker = SimpleNamespace(host="kafka.example.org", port=9092)
        self.cluster = SimpleNamespace(broker_metadata=lambda _: broker, brokers=lambda: {broker})
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def _metadata_update(self, cluster: Any, topics: Any) -> bool:
        return True

    async def send(self, node_id: int, request: Any, *, group: int = 0) -> str:
        return await asyncio.shield(self.answer)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(backoff, "SILENCE_S", 0.01)


def heartbeat() -> Any:
    return HeartbeatRequest("hashtide", 1, "member")


async def test_silence_is_told_of_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    waiting = asyncio.create_task(client.send(1, heartbeat()))
    await asyncio.sleep(0.1)
    assert caplog.messages == [f"no answer from Kafka at kafka.example.org:9092; trying again{REMEDY}"]
    client.answer.set_result("well")
    assert await waiting == "well"
    await asyncio.sleep(0.05)
    assert caplog.messages[1:] == ["Kafka is back after 0 s"]


async def test_who_gives_up_does_not_say_that_it_is_back_and_the_next_answer_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.send(1, heartbeat()), 0.05)
    assert len(caplog.messages) == 1
    client.answer.set_result("well")
    await client.send(2, heartbeat(), group=1)
    assert caplog.messages[1:] == ["Kafka is back after 0 s"]


async def test_a_group_that_takes_its_time_is_no_silence(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    backoff.patch_backoff(client, Common())
    joining = asyncio.create_task(client.send(1, JoinGroupRequest("hashtide", 1, 1, "", "", "consumer", [])))
    await asyncio.sleep(0.05)
    client.answer.set_result("joined")
    assert await joining == "joined"
    assert caplog.messages == []
