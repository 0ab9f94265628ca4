"""Questions with a time limit: a silent server keeps nobody waiting, and one that fails spoils no other check."""

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
"""For one question. The clients' own limits are below it; this one is for what they do not bound."""

KNOCK_S: Final = 2.0

T = TypeVar("T")


def within(limit_s: float, call: Callable[[], T]) -> T:
    """What the call returns or raises; TimeoutError after `limit_s`, and the call goes on in a thread of its own."""
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


class Asking:
    """Asks one server. Where it was silent once, it is not asked again: each question would take its time limit."""

    def __init__(self, server: str, limit_s: float = LIMIT_S) -> None:
        self._server, self._limit_s = server, limit_s
        self._silent = False

    def ask(self, check: str, question: Callable[[], T]) -> T | Finding:
        """The answer, or why there is none. Whatever a question raises is its own trouble."""
        if self._silent:
            return not_checked(check, f"{self._server} does not answer any more")
        try:
            return within(self._limit_s, question)
        except TimeoutError as error:
            self._silent = True
            return not_checked(check, f"{self._server}: {error}")
        except (AuthorizationException, AuthorizationError) as error:
            return not_checked(check, f"this login may not ask: {short(error)}")
        except Exception as error:  # a check must not take the others with it, whatever is wrong with it
            return not_checked(check, f"{self._server}: {short(error)}")


def judged(check: str, rule: Callable[..., Finding | list[Finding]], *answers: Any) -> Sequence[Finding]:
    """What a rule says of the answers; where one is missing, that."""
    for answer in answers:
        if isinstance(answer, Finding):
            return [msgspec.structs.replace(answer, check=check)]
    found = rule(*answers)
    return [found] if isinstance(found, Finding) else found


def short(error: BaseException) -> str:
    """An error for one line."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} {said}".rstrip()


def place(address: str) -> tuple[str, int]:
    """host:port, or [host]:port, taken apart."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def knock(address: str) -> str:
    """Why nobody listens at host:port; empty where somebody does. Blocks for KNOCK_S at most."""
    try:
        with socket.create_connection(place(address), timeout=KNOCK_S):
            return ""
    except TimeoutError:
        return f"no answer within {KNOCK_S:.0f} s"
    except socket.gaierror:
        return "no such host"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def speaks_tls(address: str) -> bool:
    """Whether somebody at host:port answers a TLS handshake. Sends nothing else, and trusts nothing. Blocks for
    KNOCK_S at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(place(address), KNOCK_S) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "CERTIFICATE_REQUIRED" in str(error)
    except OSError:
        return False
