"""`hashtide setup --kibana`: import the packaged dashboards into Kibana."""

import json
import re
from importlib.resources import files
from typing import Any, Final

import httpx

from hashtide import outages
from hashtide.elasticsearch.client import Connection, LoginSettings
from hashtide.errors import HashtideError
from hashtide.retry import connected
from hashtide.settings import WrongSetting
from operations.settings import OperationsSettings

IMPORT: Final = "/api/saved_objects/_import"
"""Kibana's API documentation, "Import saved objects": multipart, with the header kbn-xsrf."""

API_KEY: Final = "HASHTIDE_KIBANA_API_KEY_FILE"
USER: Final = "HASHTIDE_KIBANA_USER"
PASSWORD: Final = "HASHTIDE_KIBANA_PASSWORD_FILE"

PATIENCE_S: Final = 120.0
"""Kibana takes about a minute to start, and answers 503 until then."""

ANSWER_S: Final = 60.0
NOT_YET: Final = {429, 502, 503, 504}


class KibanaUnreachable(HashtideError):
    """Kibana is unreachable. The message says at which URL, and what to check."""


class KibanaRefused(HashtideError):
    """Kibana refused some or all objects. The message says which, and why."""


class _NotYet(Exception):
    """Kibana is not ready: retry."""


def saved_objects() -> bytes:
    """The packaged data views and dashboards as NDJSON (deploy/kibana)."""
    return (files("deploy") / "kibana" / "dashboards.ndjson").read_bytes()


def target(url: str, settings: OperationsSettings) -> Connection:
    """Kibana at `url`, with the settings' API key, else user, else no credentials. Reads files.

    `url` may end with Kibana's base path or a space (/s/NAME). Raises WrongSetting, without secrets.
    """
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", url):
        raise WrongSetting("--kibana: must be a URL, http://HOST:PORT or https://..., without user and password")
    names = LoginSettings(API_KEY, USER, PASSWORD)
    api_key, user, password = names.read(
        settings.kibana_api_key_file, settings.kibana_user, settings.kibana_password_file
    )
    return Connection(url.rstrip("/"), api_key, user, password)


def setup(where: Connection, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Import data views and dashboards, overwriting earlier ones; returns their titles. Idempotent.

    Blocks. Retries for `patience_s` seconds, only while Kibana is unreachable or not ready. Raises KibanaUnreachable,
    KibanaRefused.
    """
    url = where.url
    headers = {"kbn-xsrf": "hashtide"} | ({"Authorization": where.authorization} if where.authorization else {})

    def give_up(error: BaseException) -> KibanaUnreachable:
        return KibanaUnreachable(
            f"no answer from Kibana at {url} for {patience_s:g} s ({error}): check that it runs and the URL is right"
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
        response = connected(
            send,
            outages.of("Kibana"),
            patience_s=patience_s,
            retryable=lambda error: isinstance(error, _NotYet),
            describe=lambda error: f"no dashboards in Kibana at {url} yet ({error})",
            give_up=give_up,
        )
    return _titles(url, response)


def _titles(url: str, response: httpx.Response) -> list[str]:
    """The imported titles. Raises KibanaRefused unless Kibana imported everything."""
    if response.status_code in (401, 403):
        raise KibanaRefused(
            f"Kibana at {url}: {response.status_code} {response.reason_phrase}: set "
            f"{API_KEY}, or {USER} and {PASSWORD}, of an account that may manage saved objects"
        )
    try:
        answer = response.json() if response.status_code == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
        raise KibanaRefused(
            f"Kibana at {url}: HTTP {response.status_code} {response.text[:200]!r}: "
            "check that this is Kibana's URL, including its base path"
        )
    if not answer["success"]:
        failed = "; ".join(map(_failure, answer.get("errors") or [])) or "no reason given"
        raise KibanaRefused(
            f"Kibana at {url} imported {answer.get('successCount', 0)} objects and refused others: {failed}"
        )
    found = [json.loads(line)["attributes"] for line in saved_objects().splitlines()]
    return [each.get("name") or each["title"] for each in found]


def _failure(item: dict[str, Any]) -> str:
    """One entry of `errors`: the object, and why it was refused."""
    error = item.get("error") or {}
    name = (item.get("meta") or {}).get("title") or item.get("title") or item.get("id")
    missing = ", ".join(f"{each.get('type')} {each.get('id')}" for each in error.get("references") or [])
    why = " ".join(part for part in (error.get("type"), error.get("message"), missing) if part)
    return f"{item.get('type')} {name}: {why or 'no reason given'}"
