"""Connections to Kafka by kafka-python, made in one place: patient at the start, and clear when nobody answers."""

from collections.abc import Callable
from typing import Any, TypeVar

from kafka.errors import KafkaError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers import outages
from producers.errors import HashtideError
from producers.settings import Common

CONNECT_FOR_S = 60.0
BOOTSTRAP_MS = 5_000

Client = TypeVar("Client")


class KafkaUnreachable(HashtideError):
    """Nobody answers as Kafka. The message says where, and what to look at."""


def connect(
    kind: Callable[..., Client], settings: Common, *, patience_s: float = CONNECT_FOR_S, **options: Any
) -> Client:
    """A client of `kind` (KafkaProducer, KafkaConsumer, KafkaAdminClient), connected.

    Blocks; retries for `patience_s`, says so in the log now and then, and raises KafkaUnreachable in the end.
    """
    outage, attempt = outages.of("Kafka"), object()

    def say(state: RetryCallState) -> None:
        outage.failed(attempt, f"no answer from Kafka at {settings.kafka}")

    def give_up(state: RetryCallState) -> Any:
        outage.left(attempt)
        raise KafkaUnreachable(
            f"no answer from Kafka at {settings.kafka} for {patience_s:.0f} s: "
            "is it running, and is HASHTIDE_KAFKA right?"
        )

    retrying = Retrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=wait_exponential_jitter(multiplier=0.5, max=5),
        stop=stop_after_delay(patience_s),
        before_sleep=say,
        retry_error_callback=give_up,
    )
    client = retrying(
        kind,
        bootstrap_servers=settings.kafka.split(","),
        client_id="hashtide",
        bootstrap_timeout_ms=min(BOOTSTRAP_MS, int(patience_s * 1000)),
        **options,
    )
    outage.worked(attempt)
    return client
