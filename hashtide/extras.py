"""Optional parts of the installation: what is missing, and the command that installs it."""

import json
import shlex
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hashtide.errors import HashtideError

Find = Callable[[str], object | None]
"""Looks up a module by name; None if it is not installed."""


class NotInstalled(HashtideError):
    """An optional part is missing. The message says which, and what to run."""


def require(extra: str, modules: tuple[str, ...], what: str, find: Find = find_spec) -> None:
    """Raise NotInstalled if one of an extra's modules is missing. `what` needs them: "the live page"."""
    if missing := [name for name in modules if find(name) is None]:
        raise NotInstalled(
            f"{what} needs {', '.join(missing)}: install the extra `{extra}`: {install_command(extra, _origin())}"
        )


def install_command(extra: str, origin: Path | None) -> str:
    """The command that installs an extra; `origin`: the folder or wheel that Hashtide was installed from, if known."""
    if origin is None:
        return f"pip install hashtide-*.whl[{extra}] (the wheel that you installed Hashtide from)"
    return f"pip install {shlex.quote(f'{origin}[{extra}]')}"


def _origin() -> Path | None:
    """The folder or wheel that this installation came from, if it still exists (PEP 610, direct_url.json)."""
    try:
        found = json.loads(distribution("hashtide").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    parts = urlsplit(found.get("url", ""))
    path = Path(unquote(parts.path))
    return path if parts.scheme == "file" and path.exists() else None
