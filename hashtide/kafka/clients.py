"""Creates every kafka-python client: retries while Kafka starts, then fails with a clear error."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from kafka.errors import KafkaError

from hashtide import outages
from hashtide.errors import HashtideError
from hashtide.kafka.security import PROTOCOL, security
from hashtide.retry import connected
from hashtide.settings import Common

CONNECT_FOR_S = 60.0
BOOTSTRAP_MS = 5_000
RECONNECT_MS = 5_000
"""Longest pause between two attempts; the clients' default, 30 s, would delay recovery after a broker is back."""

REFUSED_S: Final = 5.0
"""Pause after a refusal: finding the reason takes a login, and some servers lock an account after too many failures."""

Client = TypeVar("Client")


class KafkaUnreachable(HashtideError):
    """Kafka is unreachable. The message says where, and what to check."""


def connect(
    kind: Callable[..., Client], settings: Common, *, patience_s: float = CONNECT_FOR_S, **options: Any
) -> Client:
    """A client of `kind` (KafkaProducer, KafkaConsumer, KafkaAdminClient), connected.

    Blocks; retries for `patience_s`, which it logs now and then, then raises KafkaUnreachable. Raises at once:
    KafkaRefused if the login or the certificate is refused, WrongSetting if settings contradict each other.
    """
    safe = security(settings)

    def make() -> Client:
        if safe.refuses:  # the clients would hide a refusal, and retry
            from hashtide.kafka.login import log_in  # imports aiokafka, which an open Kafka does not need

            log_in(settings.kafka, safe)
        return kind(
            bootstrap_servers=settings.kafka.split(","),
            client_id="hashtide",
            reconnect_backoff_max_ms=RECONNECT_MS,
            bootstrap_timeout_ms=min(BOOTSTRAP_MS, int(patience_s * 1000)),
            **safe.kafka_python(),
            **options,
        )

    def give_up(_: BaseException) -> KafkaUnreachable:
        return KafkaUnreachable(
            f"no answer from Kafka at {settings.kafka} for {patience_s:.0f} s: "
            f"is it running, and are HASHTIDE_KAFKA and {PROTOCOL} right?"
        )

    return connected(
        make,
        outages.of("Kafka"),
        patience_s=patience_s,
        retryable=lambda error: isinstance(error, KafkaError | OSError),
        describe=lambda _: f"no answer from Kafka at {settings.kafka}",
        give_up=give_up,
    )


def refusal(settings: Common) -> str:
    """Why Kafka refuses us now, or we refuse it; empty if neither, or if Kafka is unreachable. Blocks for seconds."""
    try:
        safe = security(settings)
        if safe.refuses:
            from hashtide.kafka.login import log_in

            log_in(settings.kafka, safe)
    except HashtideError as error:
        return str(error)
    except OSError:
        pass
    return ""
