"""Positions of sources, in files below the state folder: the next run resumes there, however this one ended."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from producers.sources.received import Item, Mark, Received

log = logging.getLogger(__name__)

Value = TypeVar("Value")

FOLDER = "positions"  # below the state folder


class Positions:
    """One small file per name, replaced atomically: a reader finds the old position or the new one, never half."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER
        self._known: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()

    def load(self, name: str, key: str, kind: type[Value]) -> Value | None:
        """The last saved value; None if there is none, or, with a warning, if it is damaged.

        Reads the disk. Raises OSError.
        """
        if name not in self._known:
            self._known[name] = self._read(self._path(name))
        value = self._known[name].get(key)
        try:
            return None if value is None else msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            log.warning("position %s, %s is damaged: starting without a position: %s", name, key, error)
            return None

    def note(self, mark: Mark) -> None:
        """Remember a mark for the next `save`."""
        self._known.setdefault(mark.name, {})[mark.key] = mark.value
        self._changed.add(mark.name)

    @property
    def unsaved(self) -> bool:
        return bool(self._changed)

    def save(self) -> None:
        """Write the marks since the last one. Call it once Kafka has everything before them. Blocks. Raises OSError."""
        for name in sorted(self._changed):
            self._write(self._path(name), self._known[name])
        self._changed.clear()

    def _path(self, name: str) -> Path:
        return self._folder / f"{quote(name, safe='')}.json"

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            values = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            values = None
        if not isinstance(values, dict):
            log.warning("%s is damaged: starting without a position", path)
            return {}
        return values

    def _write(self, path: Path, values: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.new")
        with temporary.open("w") as file:
            json.dump(values, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


class Checkpoints:
    """Saves positions every `every_s`, each time after `flush` has ensured that Kafka has everything before them."""

    def __init__(
        self, flush: Callable[[], None], positions: Positions, monotonic: Callable[[], float], *, every_s: float = 1.0
    ) -> None:
        self._flush, self._positions, self._monotonic, self._every_s = flush, positions, monotonic, every_s
        self._saved_at = monotonic()

    def passed(self, item: Item | None) -> None:
        """Record an item that was sent, or None. Blocks on Kafka and the disk when a save is due.

        Raises PublishFailed, OSError.
        """
        mark = item.mark if isinstance(item, Received) else item
        if isinstance(mark, Mark):
            self._positions.note(mark)
        if self._positions.unsaved and self._monotonic() - self._saved_at >= self._every_s:
            self.save()

    def save(self) -> None:
        """Save now. Blocks and raises as `passed`."""
        self._flush()
        self._positions.save()
        self._saved_at = self._monotonic()
