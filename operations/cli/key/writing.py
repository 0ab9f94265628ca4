"""How `hashtide key` writes keys."""

from pathlib import Path

import click

from hashtide.errors import HashtideError
from hashtide.identity import Keys, key_file, save, written
from hashtide.settings import Common

to_option = click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new keys there, and leave the present file as it is.",
)


class NotWritten(HashtideError):
    """Keys can't be written where they should be."""


def write_keys(settings: Common, keys: Keys, to: Path | None) -> Path:
    """Where the keys were written. Raises NotWritten; a file that `--to` names must not be there yet."""
    path = (to or key_file(settings)).resolve()  # a link to the keys stays one
    try:
        if not save(path, written(keys), replace=to is None):
            raise NotWritten(f"{path} is there already: name another file, or remove it first")
    except OSError as error:
        raise NotWritten(f"{path} can't be written ({error.strerror}): name another file by --to") from None
    return path
