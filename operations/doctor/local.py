"""Facts about this machine: settings, files, libraries, disk, the worker's port. Changes and creates nothing."""

import os
import shutil
import stat
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

import httpx
import msgspec
from packaging.requirements import Requirement

from hashtide.elasticsearch.client import connection
from hashtide.identity import fingerprint, key_file, load_keys
from hashtide.kafka.security import security
from hashtide.settings import PREFIX, Common, WrongSetting, described, load
from operations.doctor.facts import File, Folder, Key, Metrics, Package, Settings
from operations.settings import KINDS, OperationsSettings
from stream_jobs.health import DEFAULT_METRICS_PORT
from stream_jobs.settings import StreamSettings

ANSWER_S: Final = 2.0


def settings(environ: Mapping[str, str]) -> Settings:
    """What the environment sets. Loads each setting alone, so that a wrong one does not hide others."""
    known = {setting.name for kind in KINDS for setting in described(kind)}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    problems = []
    for name in sorted(known & set(ours)):
        for kind in KINDS:
            try:
                load(kind, {name: ours[name]})
            except WrongSetting as error:
                problems.append(str(error))
                break
    files = [] if problems else _files(environ)
    if not problems and not any(file.problem for file in files):
        try:
            given = load(OperationsSettings, environ)  # settings that depend on each other; contents of the files
            security(given)
            connection(given)
        except WrongSetting as error:
            problems.append(str(error))
    unknown = sorted(name for name in ours if name not in known and not name.startswith(f"{PREFIX}FAUST_"))
    return Settings(len(known & {name for name in ours if ours[name]}), tuple(unknown), tuple(problems), tuple(files))


def _files(environ: Mapping[str, str]) -> list[File]:
    """Each file that a setting names, once."""
    found = {}
    for kind in KINDS:
        given = load(kind, environ)
        for field in msgspec.structs.fields(kind):
            path = getattr(given, field.name)
            if field.name.endswith("_file") and isinstance(path, Path):
                found[field.name] = _file(PREFIX + field.name.upper(), path)
    return list(found.values())


def _file(setting: str, path: Path) -> File:
    try:
        with path.open("rb") as file:
            file.read(1)
            return File(setting, str(path), mode=stat.S_IMODE(os.fstat(file.fileno()).st_mode))
    except OSError as error:
        return File(setting, str(path), problem=error.strerror or str(error))


def key(settings_: Common) -> Key:
    """The keys, if they exist. Makes none."""
    path, made_here = key_file(settings_), settings_.author_key_file is None
    if made_here and not path.exists():
        return Key(str(path), made_here)
    try:
        keys = load_keys(settings_)
    except WrongSetting as error:
        return Key(str(path), made_here, problem=str(error))
    return Key(str(path), made_here, "", fingerprint(keys.author), fingerprint(keys.ledger), len(keys.old))


def packages() -> list[Package]:
    """The libraries that setup.cfg requires, without extras."""
    found = []
    for line in requires("hashtide") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = installed_version(wanted.name)
        except PackageNotFoundError:
            found.append(Package(wanted.name, str(wanted.specifier), None, fits=False))
            continue
        fits = wanted.specifier.contains(installed, prereleases=True)
        found.append(Package(wanted.name, str(wanted.specifier), installed, fits))
    return found


def folder(settings_: Common) -> Folder:
    """The state folder; if it does not exist yet, the folder in which it will be created."""
    path = settings_.state_dir
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return Folder(str(path), problem=f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        return Folder(str(path), problem="can't be written")
    usage = shutil.disk_usage(existing)
    return Folder(str(path), free_bytes=usage.free, total_bytes=usage.total)


def metrics(settings_: StreamSettings) -> Metrics:
    """What answers at the worker's port. Blocks for a few seconds at most."""
    port = DEFAULT_METRICS_PORT if settings_.metrics_port is None else settings_.metrics_port
    if port == 0:
        return Metrics("", "off")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings_.metrics_host, settings_.metrics_host)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with httpx.Client(base_url=f"http://{address}", timeout=ANSWER_S, trust_env=False) as client:
        try:
            if "hashtide_lag_records" not in client.get("/metrics").text:
                return Metrics(address, "another")
            alive, ready = client.get("/healthz"), client.get("/readyz", timeout=2 * ANSWER_S)
        except httpx.ConnectError:
            return Metrics(address, "nobody")
        except (httpx.HTTPError, ValueError):
            return Metrics(address, "another")
    reasons = ["" if answer.status_code == 200 else answer.text.strip()[:200] for answer in (alive, ready)]
    return Metrics(address, "worker", *reasons)
