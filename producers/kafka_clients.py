"""Connections to Kafka by kafka-python, made in one place: patient at the start, and clear when nobody answers."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from kafka.errors import KafkaError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers import outages
from producers.errors import HashtideError
from producers.kafka_security import PROTOCOL, security
from producers.settings import Common

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
            from producers.kafka_login import log_in  # with aiokafka, which others have no use for

            log_in(settings.kafka, safe)
        return kind(
            bootstrap_servers=settings.kafka.split(","),
            client_id="hashtide",
            reconnect_backoff_max_ms=RECONNECT_MS,
            bootstrap_timeout_ms=min(BOOTSTRAP_MS, int(patience_s * 1000)),
            **safe.kafka_python(),
            **options,
        )

    def give_up(state: RetryCallState) -> Any:
        raise KafkaUnreachable(
            f"no answer from Kafka at {settings.kafka} for {patience_s:.0f} s: "
            f"is it running, and are HASHTIDE_KAFKA and {PROTOCOL} right?"
        )

    with outages.of("Kafka").waited_out() as failed:
        return Retrying(
            retry=retry_if_exception_type((KafkaError, OSError)),
            wait=wait_exponential_jitter(multiplier=0.5, max=5),
            stop=stop_after_delay(patience_s),
            before_sleep=lambda _: failed(f"no answer from Kafka at {settings.kafka}"),
            retry_error_callback=give_up,
        )(make)


def refusal(settings: Common) -> str:
    """Why Kafka refuses us now, or we it; empty where it does not, or where nobody answers. Blocks for some seconds."""
    try:
        safe = security(settings)
        if safe.refuses:
            from producers.kafka_login import log_in

            log_in(settings.kafka, safe)
    except HashtideError as error:
        return str(error)
    except OSError:
        pass
    return ""
