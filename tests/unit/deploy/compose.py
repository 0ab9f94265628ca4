"""Read docker-compose.yml for the tests."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from ruamel.yaml import YAML

from operations.cli.main import cli
from tests.paths import ROOT

FILE = ROOT / "docker-compose.yml"
SECRETS = "/run/secrets"

Service = dict[str, Any]


class Bind(NamedTuple):
    """A file or folder of the repository that is mounted into a container."""

    service: str
    source: Path
    target: str


def read() -> dict[str, Any]:
    """The file with its variables at their defaults and `$$` replaced by `$`."""
    return parsed(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text()).replace("$$", "$"))


def loaded(path: Path) -> dict[str, Any]:
    """The content of a YAML file."""
    return parsed(path.read_text())


def parsed(text: str) -> dict[str, Any]:
    """The content of YAML 1.2 text. Raises if a key is duplicated."""
    values: dict[str, Any] = YAML(typ="safe").load(text)
    return values


def ours(services: dict[str, Service]) -> dict[str, Service]:
    """The services that run our own image (deploy/docker/Dockerfile)."""
    return {name: service for name, service in services.items() if service["image"].startswith("hashtide:")}


def binds(services: dict[str, Service]) -> Iterator[Bind]:
    """All bind mounts, without named volumes."""
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            if isinstance(volume, str):
                source, target, *options = volume.split(":")
                assert options == (["ro"] if source.startswith(".") else []), volume
            else:
                assert (volume["type"], volume["read_only"]) == ("bind", True)
                source, target = volume["source"], volume["target"]
            if source.startswith("."):
                yield Bind(name, ROOT / source, target)


def secrets(service: Service) -> dict[str, str]:
    """A service's secrets: path in the container and name."""
    given = [{"source": each} if isinstance(each, str) else each for each in service.get("secrets", ())]
    return {each.get("target", f"{SECRETS}/{each['source']}"): each["source"] for each in given}


def parse(words: list[str]) -> click.Context:
    """Parse the words with the real command line, without running them. Raises click.UsageError."""
    command: click.Command = cli
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    return command.make_context(command.name, words, parent=context)


def make_secrets(folder: Path) -> Path:
    """Create secrets in a folder, as `make secrets` does."""
    subprocess.run([ROOT / "deploy/docker/make-secrets", folder], check=True, capture_output=True)
    return folder
