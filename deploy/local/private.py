"""Files that only their owner can read."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write such a file atomically."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # a leftover file may be readable by others
    with open(new, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    new.replace(path)
