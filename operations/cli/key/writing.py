"""Write the keys: shared by the commands of `hashtide key`."""

from pathlib import Path

import click

from hashtide.errors import HashtideError
from hashtide.identity import Keys, key_file, save, written
from hashtide.settings import Common

to_option = click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new keys to this file, and keep the present file unchanged.",
)


class NotWritten(HashtideError):
    """The key file can't be written."""


def write_keys(settings: Common, keys: Keys, to: Path | None) -> Path:
    """Write the keys to `to`, or replace the key file; returns the path. Raises NotWritten, also if `to` exists."""
    path = (to or key_file(settings)).resolve()  # a symbolic link stays one
    try:
        if not save(path, written(keys), replace=to is None):
            raise NotWritten(f"{path} already exists: name another file, or remove it first")
    except OSError as error:
        raise NotWritten(f"{path} can't be written ({error.strerror}): name another file with --to") from None
    return path
