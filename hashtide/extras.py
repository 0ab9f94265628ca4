"""Optional parts of the installation: what is missing, and how it is installed where the user is."""

import json
import shlex
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hashtide.errors import HashtideError

Find = Callable[[str], object | None]
"""What a module's name finds; None where it is not installed."""


class NotInstalled(HashtideError):
    """An optional part is missing. The message says which, and what to run."""


def require(extra: str, modules: tuple[str, ...], what: str, find: Find = find_spec) -> None:
    """Raise NotInstalled where one of an extra's modules is missing. `what` needs them: "the live page"."""
    if missing := [name for name in modules if find(name) is None]:
        raise NotInstalled(
            f"{what} needs {', '.join(missing)}: install the extra `{extra}`: {install_command(extra, _origin())}"
        )


def install_command(extra: str, origin: Path | None) -> str:
    """What to run to install an extra; `origin`: the folder or wheel that Hashtide was installed from, where known."""
    wanted = f"hashtide-*.whl[{extra}]" if origin is None else f"{origin}[{extra}]"
    return f"pip install {shlex.quote(wanted) if origin is not None else wanted + ' (the wheel that Hashtide came as)'}"


def _origin() -> Path | None:
    """The folder or wheel that this installation came from, while it is there (PEP 610, direct_url.json)."""
    try:
        found = json.loads(distribution("hashtide").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    parts = urlsplit(found.get("url", ""))
    path = Path(unquote(parts.path))
    return path if parts.scheme == "file" and path.exists() else None
