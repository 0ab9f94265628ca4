"""Imports the packaged dashboards into Kibana: `hashtide setup --kibana`."""

import base64
import json
import logging
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers.errors import HashtideError
from producers.settings import WrongSetting
from stream_jobs.settings import StreamSettings

log = logging.getLogger(__name__)

IMPORT: Final = "/api/saved_objects/_import"
"""Kibana's API documentation, "Import saved objects": multipart, with the header kbn-xsrf."""

PATIENCE_S: Final = 120.0
"""Kibana takes about a minute to start, and says 503 until then."""

ANSWER_S: Final = 60.0
NOT_YET: Final = {429, 502, 503, 504}


class KibanaUnreachable(HashtideError):
    """Nobody answers as Kibana. The message says where, and what to look at."""


class KibanaRefused(HashtideError):
    """Kibana did not take all of it. The message names what, and why."""


class Target(NamedTuple):
    """A Kibana, and as whom to come."""

    url: str
    """May end in Kibana's base path, or a space: /s/NAME."""
    authorization: str | None


class _NotYet(Exception):
    """Worth another try."""


def saved_objects() -> bytes:
    """The packaged data views and dashboards as NDJSON (deploy/kibana)."""
    return (files("deploy") / "kibana" / "dashboards.ndjson").read_bytes()


def target(url: str, settings: StreamSettings) -> Target:
    """Where `url` and the settings lead: with an API key, else as a user, else without security. Reads the disk.

    Raises WrongSetting.
    """
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", url):
        raise WrongSetting("--kibana: must be a URL, http://HOST:PORT or https://..., without user and password")
    return Target(url.rstrip("/"), _authorization(settings))


def _authorization(settings: StreamSettings) -> str | None:
    key = _secret("HASHTIDE_KIBANA_API_KEY", settings.kibana_api_key, settings.kibana_api_key_file)
    password = _secret("HASHTIDE_KIBANA_PASSWORD", settings.kibana_password, settings.kibana_password_file)
    if key is not None:
        return f"ApiKey {key}"
    if settings.kibana_user is None and password is None:
        return None
    if settings.kibana_user is None or password is None:
        raise WrongSetting("HASHTIDE_KIBANA_USER and HASHTIDE_KIBANA_PASSWORD_FILE: must be set both, or neither")
    return "Basic " + base64.b64encode(f"{settings.kibana_user}:{password}".encode()).decode()


def setup(where: Target, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Import data views and dashboards, over those of an earlier time; their titles. Harmless again and again.

    Blocks; retries for `patience_s` while nobody answers or Kibana is not ready, and nothing else. Raises
    KibanaUnreachable, KibanaRefused.
    """
    url, authorization = where
    headers = {"kbn-xsrf": "hashtide"} | ({"Authorization": authorization} if authorization else {})

    def say(state: RetryCallState) -> None:
        log.warning("no dashboards in Kibana at %s yet, trying again: %s", url, _error(state))

    def give_up(state: RetryCallState) -> Any:
        raise KibanaUnreachable(
            f"no answer from Kibana at {url} for {patience_s:.0f} s ({_error(state)}): "
            "is it running, and is the URL right?"
        )

    def send() -> httpx.Response:
        try:
            response = client.post(
                f"{url}{IMPORT}",
                params={"overwrite": "true"},
                files={"file": ("dashboards.ndjson", saved_objects(), "application/ndjson")},
            )
        except httpx.TransportError as error:
            raise _NotYet(f"{type(error).__name__} {error}") from error
        if response.status_code in NOT_YET:
            raise _NotYet(f"HTTP {response.status_code}")
        return response

    with httpx.Client(headers=headers, timeout=ANSWER_S) as client:
        response: httpx.Response = Retrying(
            retry=retry_if_exception_type(_NotYet),
            wait=wait_exponential_jitter(multiplier=0.5, max=5),
            stop=stop_after_delay(patience_s),
            before_sleep=say,
            retry_error_callback=give_up,
        )(send)
    return _titles(url, response)


def _titles(url: str, response: httpx.Response) -> list[str]:
    """What was imported: all of it, or KibanaRefused."""
    if response.status_code in (401, 403):
        raise KibanaRefused(
            f"Kibana at {url}: {response.status_code} {response.reason_phrase}: set HASHTIDE_KIBANA_API_KEY_FILE, or "
            "HASHTIDE_KIBANA_USER and HASHTIDE_KIBANA_PASSWORD_FILE, of someone who may manage saved objects"
        )
    try:
        answer = response.json() if response.status_code == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
        raise KibanaRefused(
            f"Kibana at {url}: HTTP {response.status_code} {response.text[:200]!r}: "
            "is this Kibana's URL, base path included?"
        )
    if not answer["success"]:
        failed = "; ".join(map(_failure, answer.get("errors") or [])) or "it does not say why"
        raise KibanaRefused(
            f"Kibana at {url} took {answer.get('successCount', 0)} objects and refused others: {failed}"
        )
    found = [json.loads(line)["attributes"] for line in saved_objects().splitlines()]
    return [each.get("name") or each["title"] for each in found]


def _failure(item: dict[str, Any]) -> str:
    """One entry of `errors`: what it was, and why."""
    error = item.get("error") or {}
    name = (item.get("meta") or {}).get("title") or item.get("title") or item.get("id")
    missing = ", ".join(f"{each.get('type')} {each.get('id')}" for each in error.get("references") or [])
    why = " ".join(part for part in (error.get("type"), error.get("message"), missing) if part)
    return f"{item.get('type')} {name}: {why or 'no reason given'}"


def _error(state: RetryCallState) -> str:
    return str(state.outcome.exception()) if state.outcome else ""


def _secret(name: str, value: str | None, path: Path | None) -> str | None:
    """A secret out of a variable or a file; it is shown nowhere."""
    if value is None and path is not None:
        try:
            value = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise WrongSetting(f"{name}_FILE={str(path)!r}: can't be read: {reason}") from None
    if value is None:
        return None
    value = value.strip()
    if not value or not value.isprintable():
        raise WrongSetting(f"{name}: must be one line of printable characters")
    return value
