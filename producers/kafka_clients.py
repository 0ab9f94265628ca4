"""Connections to Kafka by kafka-python, made in one place: patient at the start, and clear when nobody answers."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.errors import KafkaError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers.errors import HashtideError
from producers.settings import Common

log = logging.getLogger(__name__)

CONNECT_FOR_S = 60.0

Client = TypeVar("Client")


class KafkaUnreachable(HashtideError):
    """Nobody answers as Kafka. The message says where, and what to look at."""


def connect(kind: Callable[..., Client], settings: Common, **options: Any) -> Client:
    """A client of `kind` (KafkaProducer, KafkaConsumer, KafkaAdminClient), connected.

    Blocks; retries for CONNECT_FOR_S with a line in the log for each attempt, then raises KafkaUnreachable.
    """

    def say(state: RetryCallState) -> None:
        log.warning("no answer from Kafka at %s, trying again", settings.kafka)

    def give_up(state: RetryCallState) -> Any:
        raise KafkaUnreachable(
            f"no answer from Kafka at {settings.kafka} for {CONNECT_FOR_S:.0f} s: "
            "is it running, and is HASHTIDE_KAFKA right?"
        )

    retrying = Retrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=wait_exponential_jitter(multiplier=0.5, max=5),
        stop=stop_after_delay(CONNECT_FOR_S),
        before_sleep=say,
        retry_error_callback=give_up,
    )
    return retrying(
        kind, bootstrap_servers=settings.kafka.split(","), client_id="hashtide", bootstrap_timeout_ms=5_000, **options
    )
