"""The Elasticsearch requests of docker-compose.yml, sent to a real one behind a proxy that requires a login.

The embedded node has no users or roles: the proxy answers those requests itself and records them.
"""

import json
import re
import shlex
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import needs
from tests.fakes.unruly import PRODUCT, Asked, Fault, Unruly, answers, in_background, lets_in
from tests.unit.deploy import compose
from tests.unit.deploy.compose import SECRETS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of secrets."""
    needs("openssl")
    return compose.make_secrets(tmp_path_factory.mktemp("compose") / "secrets")


Kept = list[tuple[str, str, Any]]


@contextmanager
def elasticsearch(url: str, made: Path, kept: Kept | None = None) -> Iterator[Unruly]:
    """Elasticsearch as configured in the file: TLS with the generated certificate, and the superuser's password."""
    password = (made / "elastic_password").read_text().strip()
    enter = lets_in("Basic " + b64encode(f"elastic:{password}".encode()).decode())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made / "elasticsearch.crt", made / "elasticsearch.key")
    proxy = Unruly(url, tls=context)
    proxy.always = enter if kept is None else keeps_security(enter, kept)
    with in_background(proxy):
        yield proxy


def keeps_security(enter: Fault, kept: Kept) -> Fault:
    async def fault(asked: Asked) -> web.StreamResponse:
        if not asked.request.path.startswith("/_security/"):
            return await enter(asked)
        kept.append((asked.request.method, asked.request.path, json.loads(asked.body)))
        return web.Response(body=b"{}", headers=PRODUCT)

    return fault


def health_check(proxy: Unruly, made: Path) -> int:
    """The exit status of the health check of docker-compose.yml, run by a shell on this machine."""
    needs("curl")
    kind, command = compose.read()["services"]["elasticsearch"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    for there, here in (
        (SECRETS, str(made)),
        ("config/certs", str(made)),
        ("https://localhost:9200", proxy.url),
    ):
        assert there in command
        command = command.replace(there, here)
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=120).returncode


def test_health_check_logs_in_with_password(url: str, made: Path, tmp_path: Path) -> None:
    with elasticsearch(url, made) as proxy:
        assert health_check(proxy, made) == 0
        wrong = tmp_path / "secrets"
        wrong.mkdir()
        (wrong / "ca.crt").write_bytes((made / "ca.crt").read_bytes())
        (wrong / "elastic_password").write_text("another")
        assert health_check(proxy, wrong) != 0
        proxy.always = answers(408)  # not yet yellow
        assert health_check(proxy, made) != 0


def test_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    """A fake curl records its arguments and input."""
    (tmp_path / "curl").write_text('#!/bin/sh\necho "$@" >"$0.words"\ncat >"$0.input"\n')
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "elastic_password").write_text("nobody-sees\n")
    _, command = compose.read()["services"]["elasticsearch"]["healthcheck"]["test"]
    command = command.replace(SECRETS, shlex.quote(str(tmp_path)))
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert "nobody-sees" not in (tmp_path / "curl.words").read_text()
    assert (tmp_path / "curl.input").read_text() == 'user = "elastic:nobody-sees"'


def accounts(proxy: Unruly, made: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the service `accounts` on this machine, configured as in the file."""
    service = compose.read()["services"]["accounts"]
    given = {name: value.replace(SECRETS, str(made)) for name, value in service["environment"].items()}
    words = [word.replace(SECRETS, str(made)) for word in service["entrypoint"][1:]]
    reported = environment | given | {"HASHTIDE_ELASTICSEARCH": proxy.url, "HASHTIDE_LOG_LEVEL": "debug"}
    return subprocess.run([sys.executable, *words], env=reported, capture_output=True, text=True, timeout=300)


def test_creates_accounts(url: str, made: Path, environment: dict[str, str]) -> None:
    secret = {path.name.removesuffix("_password"): path.read_text().strip() for path in made.glob("*_password")}
    kept: Kept = []
    with elasticsearch(url, made, kept) as proxy:
        done = accounts(proxy, made, environment)
    assert done.returncode == 0, done.stderr
    assert not [name for name, value in secret.items() if value in done.stdout + done.stderr]

    said = {path: body for _, path, body in kept}
    assert {method for method, _, _ in kept} == {"PUT"}
    assert said.pop("/_security/user/kibana_system/_password") == {"password": secret["kibana"]}
    for name, roles in (
        ("hashtide_setup", ["hashtide_setup", "kibana_admin"]),
        ("hashtide_worker", ["hashtide_worker"]),
        ("hashtide_retention", ["hashtide_retention"]),
        ("hashtide_watch", ["hashtide_watch"]),
    ):
        assert said.pop(f"/_security/user/{name}") == {"password": secret[name], "roles": roles}
    watch = said.pop("/_security/role/hashtide_watch")
    assert watch["cluster"] == ["monitor"]
    (those,) = watch["indices"]
    assert {"reply-volume-*", "hashtag-volume-*", "posts-*", "ingest-gaps"} <= set(those["names"])
    assert those["privileges"] == ["read", "view_index_metadata", "maintenance"]
    assert set(said) == {f"/_security/role/hashtide_{name}" for name in ("worker", "setup", "retention")}


def test_exits_with_reason_if_accounts_cannot_be_created(
    url: str, made: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    with elasticsearch(url, made) as proxy:
        proxy.always = answers(401, "security_exception")
        done = accounts(proxy, made, environment)
        assert done.returncode == 2
        assert re.search(
            r"accounts: Elasticsearch at https://\S+ does not accept the login of HASHTIDE_ELASTICSEARCH_USER and",
            done.stderr,
        )
        done = accounts(proxy, tmp_path, environment)
        assert (done.returncode, done.stdout) == (2, "")
        missing = str(tmp_path / "kibana_password")
        assert f"accounts: kibana_password={missing!r}: can't be read: No such file or directory" in done.stderr
