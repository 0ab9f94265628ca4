"""A login at Kafka for its own sake: why it is refused, which the clients keep to themselves, and try again.

By aiokafka's connection: kafka-python 3.0.12 loses the broker's answer where it closes the connection right after it.
"""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from hashtide.errors import HashtideError
from hashtide.kafka.security import CA, CERTIFICATE, KEY, MECHANISM, PROTOCOL, Security

LOGIN_MS: Final = 5_000
TIMES: Final = 2
"""A broker that ends right after the login has closed one connection, and will not let us in again."""


class KafkaRefused(HashtideError):
    """Kafka does not let us in, or we do not trust it. The message names the settings, and no secret."""

    exit_status = 2


class _Bearer(OAuthAuthenticator):  # type: ignore[misc]  # aiokafka has no types
    """One that hears a no. aiokafka 0.14.0 takes the broker's reason for a yes (RFC 7628, section 3.2.3), and then gets
    an error for every request, which would end a worker."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Raises SaslAuthenticationFailed: not with the reason, which is the broker's to word."""
        if payload:
            raise SaslAuthenticationFailed
        step: tuple[bytes, bool] | None = await super().step(payload)
        return step


def _bearer(connection: Any) -> _Bearer:
    return _Bearer(sasl_oauth_token_provider=connection._sasl_oauth_token_provider)


AIOKafkaConnection.authenticator_oauth = _bearer


def log_in(brokers: str, safe: Security) -> None:
    """Log in at each broker in turn until one lets us in, and leave.

    Blocks, for LOGIN_MS a broker at most. Raises KafkaRefused; ConnectionError where none of them answers.
    """
    with ThreadPoolExecutor(1) as own:  # the caller's thread may have a loop already
        own.submit(asyncio.run, _log_in(brokers, safe)).result()


async def _log_in(brokers: str, safe: Security) -> None:
    problem: BaseException | None = None
    for broker in brokers.split(","):
        try:
            for _ in range(TIMES):
                if await _is_heard(broker, safe):
                    return
        except (KafkaError, OSError, ValueError) as error:  # ValueError: what comes for SCRAM is not what should
            if why := _why_refused(broker, safe, error):
                raise KafkaRefused(why) from None
            problem = error
        else:
            raise KafkaRefused(_why_unheard(broker))
    raise ConnectionError(f"no answer from Kafka at {brokers}: {problem!r}") from None


async def _is_heard(broker: str, safe: Security) -> bool:
    """Whether a broker that we are connected to, and logged in at as far as the client knows, answers a question."""
    host, _, port = broker.rpartition(":")
    connection = await create_conn(host, int(port), request_timeout_ms=LOGIN_MS, **safe.aiokafka())
    try:
        answer = await connection.send(MetadataRequest([]))
    except (KafkaError, OSError):
        return False
    finally:
        connection.close()
    return bool(answer.brokers)  # else the broker meant another question: it is still at the login


def _why_unheard(where: str) -> str:
    return f"Kafka at {where} closes the connection, as where it asks for a login: is {PROTOCOL} right?"


def _why_refused(where: str, safe: Security, error: BaseException) -> str:
    """Empty for what may pass."""
    seen: BaseException | None = error
    while seen and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, ssl.SSLCertVerificationError):
        return f"the certificate of Kafka at {where} is not trusted ({seen.verify_message}): is {CA} right?"
    reason = (seen.reason or "") if isinstance(seen, ssl.SSLError) else ""
    if "ALERT" in reason:
        return f"Kafka at {where} does not accept our certificate ({reason}): are {CERTIFICATE} and {KEY} right?"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return f"Kafka at {where} does not speak TLS: is {PROTOCOL} right?"
    if isinstance(error, UnsupportedSaslMechanismError | IllegalSaslStateError):
        return f"Kafka at {where} does not take a login by {safe.mechanism}: are {MECHANISM} and {PROTOCOL} right?"
    if isinstance(error, SaslAuthenticationFailed):
        return f"Kafka at {where} does not accept the login of {safe.login}"
    if isinstance(error, ValueError) and safe.mechanism.startswith("SCRAM"):
        return f"Kafka at {where} does not know the password of {safe.login} itself"
    return ""
