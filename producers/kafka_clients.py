"""Connections to Kafka by kafka-python, made in one place: patient at the start, and clear when nobody answers."""

import ssl
from collections.abc import Callable
from typing import Any, Final, TypeVar

from kafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers import outages
from producers.errors import HashtideError
from producers.kafka_security import CA, CERTIFICATE, KEY, MECHANISM, PROTOCOL, Security, security
from producers.settings import Common

CONNECT_FOR_S = 60.0
LOGIN_MS: Final = 5_000
BOOTSTRAP_MS = 5_000

Client = TypeVar("Client")


class KafkaUnreachable(HashtideError):
    """Nobody answers as Kafka. The message says where, and what to look at."""


class KafkaRefused(HashtideError):
    """Kafka does not let us in, or we do not trust it. The message names the settings, and no secret."""

    exit_status = 2


def connect(
    kind: Callable[..., Client], settings: Common, *, patience_s: float = CONNECT_FOR_S, **options: Any
) -> Client:
    """A client of `kind` (KafkaProducer, KafkaConsumer, KafkaAdminClient), connected.

    Blocks; retries for `patience_s`, says so in the log now and then, and raises KafkaUnreachable in the end. A login
    or a certificate that is refused raises KafkaRefused at once; settings that do not go together, WrongSetting.
    """
    outage, attempt, safe = outages.of("Kafka"), object(), security(settings)

    def make() -> Client:
        if safe.refuses:  # the clients keep to themselves why they are refused, and try again
            log_in(settings.kafka, safe)
        return kind(
            bootstrap_servers=settings.kafka.split(","),
            client_id="hashtide",
            bootstrap_timeout_ms=min(BOOTSTRAP_MS, int(patience_s * 1000)),
            **safe.kafka_python(),
            **options,
        )

    def say(state: RetryCallState) -> None:
        outage.failed(attempt, f"no answer from Kafka at {settings.kafka}")

    def give_up(state: RetryCallState) -> Any:
        outage.left(attempt)
        raise KafkaUnreachable(
            f"no answer from Kafka at {settings.kafka} for {patience_s:.0f} s: "
            f"is it running, and are HASHTIDE_KAFKA and {PROTOCOL} right?"
        )

    retrying = Retrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=wait_exponential_jitter(multiplier=0.5, max=5),
        stop=stop_after_delay(patience_s),
        before_sleep=say,
        retry_error_callback=give_up,
    )
    client = retrying(make)
    outage.worked(attempt)
    return client


def log_in(brokers: str, safe: Security) -> None:
    """Log in at each broker in turn until one lets us in, and leave.

    Blocks, for LOGIN_MS a broker at most. Raises KafkaRefused; KafkaError where none of them answers.
    """
    net = NetworkSelector()
    manager = KafkaConnectionManager(net, bootstrap_servers=brokers.split(","), **safe.kafka_python())

    async def at(node: Any) -> None:
        await manager.get_connection(node, timeout_ms=LOGIN_MS, refresh_metadata_on_err=False)

    problem: Exception = KafkaConnectionError(brokers)
    try:
        for broker in manager.cluster.bootstrap_brokers():
            try:
                net.run(at, broker.node_id)
                return
            except (KafkaError, OSError, ValueError) as error:  # ValueError: what comes for SCRAM is not what should
                if why := _why_refused(f"{broker.host}:{broker.port}", safe, error):
                    raise KafkaRefused(why) from None
                problem = error
    finally:
        manager.close()
        net.close()
    raise problem


def refusal(settings: Common) -> str:
    """Why Kafka refuses us now, or we it; empty where it does not, or where nobody answers. Blocks as `log_in`."""
    try:
        safe = security(settings)
        if safe.refuses:
            log_in(settings.kafka, safe)
    except HashtideError as error:
        return str(error)
    except (KafkaError, OSError):
        pass
    return ""


def _why_refused(where: str, safe: Security, error: BaseException) -> str:
    """Empty for what may pass."""
    seen: BaseException | None = error
    while seen and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, ssl.SSLCertVerificationError):
        return f"the certificate of Kafka at {where} is not trusted ({seen.verify_message}): is {CA} right?"
    reason = seen.reason or "" if isinstance(seen, ssl.SSLError) else ""
    if "ALERT" in reason:
        return f"Kafka at {where} does not accept our certificate ({reason}): are {CERTIFICATE} and {KEY} right?"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return f"Kafka at {where} does not speak TLS: is {PROTOCOL} right?"
    if isinstance(error, UnsupportedSaslMechanismError | IllegalSaslStateError):
        return f"Kafka at {where} does not take a login by {safe.mechanism}: are {MECHANISM} and {PROTOCOL} right?"
    if isinstance(error, SaslAuthenticationFailedError):
        return f"Kafka at {where} does not accept the login of {safe.login}"
    if isinstance(error, ValueError):
        return f"Kafka at {where} does not know the password of {safe.login} itself ({error})"
    return ""
