"""`hashtide key`: its commands, and what they print. No key is ever printed."""

import os
from pathlib import Path

import click

from producers.errors import HashtideError
from producers.identity import Keys, fingerprint, key_file, load_keys, save, written
from producers.settings import Common, load
from stream_jobs.terminal import print_table

to_option = click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new keys there, and leave the present file as it is.",
)


class NotWritten(HashtideError):
    """Keys can't be written where they should be."""


@click.group()
def key() -> None:
    """Look after the keys that authors and posts are hashed under (HASHTIDE_AUTHOR_KEY_FILE, or the state folder's).

    docs/privacy.md says what a rotation does, and in which order.
    """


@key.command()
def show() -> None:
    """Fingerprints of the keys, to see whether machines have the same. The keys themselves are shown nowhere."""
    settings = load(Common, os.environ)
    keys = load_keys(settings)
    click.echo(f"{key_file(settings)}")
    rows = [("ledger", fingerprint(keys.ledger)), ("author", fingerprint(keys.author))]
    print_table(("key", "fingerprint"), rows + [("author, before", fingerprint(old)) for old in keys.old])


@key.command()
@to_option
def rotate(to: Path | None) -> None:
    """Make a new key for authors. The old one stays known to `hashtide forget`, the ledger's stays what it is."""
    settings = load(Common, os.environ)
    keys = load_keys(settings).rotated()
    path = _write(settings, keys, to)
    click.echo(
        f"{path}: authors are hashed under {fingerprint(keys.author)} from now on, {len(keys.old)} old keys are kept.\n"
        "Give this file to every producer and worker, in any order, and restart the producers."
    )


@key.command("drop-old")
@to_option
@click.option("--yes", is_flag=True, help="Ask no question.")
def drop_old(to: Path | None, yes: bool) -> None:
    """Keep no old keys for authors: what was hashed under them is nobody's any more, and is found for nobody."""
    settings = load(Common, os.environ)
    keys = load_keys(settings)
    if not keys.old:
        click.echo("there are no old keys")
        return
    if not yes:
        click.confirm(f"Drop {len(keys.old)} old keys for good?", abort=True, err=True)
    path = _write(settings, keys.without_old(), to)
    click.echo(f"{path}: {len(keys.old)} old keys dropped. Copies elsewhere, and backups, still have them.")


def _write(settings: Common, keys: Keys, to: Path | None) -> Path:
    """Where the keys were written. Raises NotWritten; a file that `--to` names must not be there yet."""
    path = (to or key_file(settings)).resolve()  # a link to the keys stays one
    try:
        if not save(path, written(keys), replace=to is None):
            raise NotWritten(f"{path} is there already: name another file, or remove it first")
    except OSError as error:
        raise NotWritten(f"{path} can't be written ({error.strerror}): name another file by --to") from None
    return path
