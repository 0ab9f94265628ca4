"""Files that their owner alone can read."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Writes such a file, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # one that was left may be readable by others
    with open(new, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    new.replace(path)
