"""Run checks with a time limit: a silent server does not block the rest, and a failed check affects no other."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from elasticsearch import AuthorizationException
from kafka.errors import AuthorizationError

from operations.doctor.findings import Finding, not_checked

LIMIT_S: Final = 8.0
"""For one check. The clients' own timeouts are shorter; this limits what they do not."""

CONNECT_S: Final = 2.0

T = TypeVar("T")


def call_with_timeout(limit_s: float, call: Callable[[], T]) -> T:
    """Returns or raises what the call does. Raises TimeoutError after `limit_s`; the call's thread keeps running."""
    answer: list[T] = []
    error: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(call())
        except BaseException as raised:
            error.append(raised)

    thread = threading.Thread(target=work, name="doctor", daemon=True)
    thread.start()
    thread.join(limit_s)
    if error:
        raise error[0]
    if not answer:
        raise TimeoutError(f"no answer within {limit_s:.0f} s")
    return answer[0]


class CheckRunner:
    """Runs the checks of one server. Skips the rest after one timeout: each would take the full time limit."""

    def __init__(self, server: str, limit_s: float = LIMIT_S) -> None:
        self._server, self._limit_s = server, limit_s
        self._silent = False

    def run(self, check: str, probe: Callable[[], T]) -> T | Finding:
        """What the probe returns, or a `not checked` finding with the reason. Raises nothing."""
        if self._silent:
            return not_checked(check, f"{self._server} no longer answers")
        try:
            return call_with_timeout(self._limit_s, probe)
        except TimeoutError as error:
            self._silent = True
            return not_checked(check, f"{self._server}: {error}")
        except (AuthorizationException, AuthorizationError) as error:
            return not_checked(check, f"this login lacks permission: {one_line(error)}")
        except Exception as error:  # whatever it is, the other checks must run
            return not_checked(check, f"{self._server}: {one_line(error)}")


def apply_rule(check: str, rule: Callable[..., Finding | list[Finding]], *facts: Any) -> Sequence[Finding]:
    """The rule's findings; if a fact is missing, the finding that says why."""
    for fact in facts:
        if isinstance(fact, Finding):
            return [msgspec.structs.replace(fact, check=check)]
    found = rule(*facts)
    return [found] if isinstance(found, Finding) else found


def one_line(error: BaseException) -> str:
    """Type and message of an error, on one line."""
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} {text}".rstrip()


def host_and_port(address: str) -> tuple[str, int]:
    """Split host:port or [host]:port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def why_unreachable(address: str) -> str:
    """Why nothing accepts connections at host:port; empty if something does. Blocks up to CONNECT_S."""
    try:
        with socket.create_connection(host_and_port(address), timeout=CONNECT_S):
            return ""
    except TimeoutError:
        return f"no answer within {CONNECT_S:.0f} s"
    except socket.gaierror:
        return "no such host"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def speaks_tls(address: str) -> bool:
    """Whether host:port answers a TLS handshake. Sends nothing else; verifies no certificate. Blocks up to
    CONNECT_S per step."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(host_and_port(address), CONNECT_S) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "CERTIFICATE_REQUIRED" in str(error)
    except OSError:
        return False
