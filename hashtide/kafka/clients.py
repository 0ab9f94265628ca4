"""Connections to Kafka by kafka-python, made in one place: patient at the start, and clear when nobody answers."""

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
"""The longest pause between two tries; the clients' own, 30 s, would have everybody wait after a broker is back."""

REFUSED_S: Final = 5.0
"""The pause after a refusal: to know why takes a login, and some servers lock an account after so many in vain."""

Client = TypeVar("Client")


class KafkaUnreachable(HashtideError):
    """Nobody answers as Kafka. The message says where, and what to look at."""


def connect(
    kind: Callable[..., Client], settings: Common, *, patience_s: float = CONNECT_FOR_S, **options: Any
) -> Client:
    """A client of `kind` (KafkaProducer, KafkaConsumer, KafkaAdminClient), connected.

    Blocks; retries for `patience_s`, says so in the log now and then, and raises KafkaUnreachable in the end. A login
    or a certificate that is refused raises KafkaRefused at once; settings that do not go together, WrongSetting.
    """
    safe = security(settings)

    def make() -> Client:
        if safe.refuses:  # the clients keep to themselves why they are refused, and try again
            from hashtide.kafka.login import log_in  # with aiokafka, which others have no use for

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
    """Why Kafka refuses us now, or we it; empty where it does not, or where nobody answers. Blocks for some seconds."""
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
