"""Pseudonymisation. Author ids become keyed hashes before anything reaches Kafka, and so do post ids that are
addresses, because an address names its author. `hashtide key` manages the keys."""

import hashlib
import hmac
import os
import secrets
import tempfile
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from hashtide.settings import Common, WrongSetting

MIN_KEY_BYTES: Final = 32
HEADER: Final = b"# Hashtide's keys"
"""Start of a file with several keys; any other file is one key as a whole."""

ADDRESS: Final = "://"
"""Marks a post id as an address, which contains its author: `at://did:plc:.../app.bsky.feed.post/...` (Bluesky),
`https://example.org/users/NAME/statuses/...` (Fediverse)."""

_Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){32,}\Z")]


class Keys(msgspec.Struct, frozen=True):
    """The keys of an installation. Its repr shows no key."""

    author: bytes
    """Hashes author ids."""
    old: tuple[bytes, ...] = ()
    """Earlier author keys, newest first: for finding stored data, never for new data."""
    ledger: bytes = b""
    """Hashes post ids. Never rotated, so that the ledger still recognises posts after the author key changes."""

    def __post_init__(self) -> None:
        if not self.ledger:
            msgspec.structs.force_setattr(self, "ledger", ledger_key(self.author))

    def __repr__(self) -> str:
        return "Keys(***)"

    def rotated(self) -> "Keys":
        """A new author key; the present one joins the old ones."""
        return Keys(secrets.token_bytes(MIN_KEY_BYTES), (self.author, *self.old), self.ledger)

    def without_old(self) -> "Keys":
        """The same keys without the old author keys."""
        return Keys(self.author, (), self.ledger)


def ledger_key(author_key: bytes) -> bytes:
    """The ledger key derived from an author key that was never rotated. One-way."""
    return hashlib.blake2b(author_key, digest_size=32, person=b"hashtide-ledger").digest()


def fingerprint(key: bytes) -> str:
    """A short digest, to see that two machines have the same key; does not reveal it."""
    return hashlib.blake2b(key, digest_size=6, person=b"hashtide-finger").hexdigest()


def hash_author(key: bytes, platform: str, author: str) -> str:
    """HMAC-SHA256 (RFC 2104) of `platform:author` in hex: equal for the same author, and not reversible."""
    return hmac.digest(key, f"{platform}:{author}".encode(), "sha256").hex()


class Pseudonyms:
    """Replaces the ids of authors and posts at intake."""

    def __init__(self, keys: Keys) -> None:
        self._author = keys.author
        self._posts = hashlib.blake2b(keys.ledger, digest_size=32, person=b"hashtide-post-id").digest()

    def author(self, platform: str, author: str) -> str:
        """The keyed hash of an author's id."""
        return hash_author(self._author, platform, author)

    def post(self, platform: str, post_id: str) -> str:
        """The keyed hash of an id that is an address, under a key that is never rotated; any other id unchanged."""
        if ADDRESS not in post_id:
            return post_id
        return "~" + hashlib.blake2b(f"{platform}:{post_id}".encode(), digest_size=16, key=self._posts).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The TOML file of several keys, each in hex."""

    ledger: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    author: Annotated[tuple[_Hex, ...], Meta(min_length=1)]


def key_file(settings: Common) -> Path:
    """Path of the keys: `author_key_file`, else a file in the state folder."""
    return settings.author_key_file or settings.state_dir / "author.key"


def load_keys(settings: Common) -> Keys:
    """Read the keys from `author_key_file`; if unset, from the state folder, and create them there the first time.

    Blocks on the disk. Raises WrongSetting if the file is missing, unreadable or invalid; the message shows no key.
    """
    path = key_file(settings)
    if settings.author_key_file is None and not path.exists():
        _create(path)
    return _parse(_read(path), path)


def written(keys: Keys) -> str:
    """Content of a file with several keys."""
    author = ",\n".join(f'    "{key.hex()}"' for key in (keys.author, *keys.old))
    return (
        f"{HEADER.decode()}: the same file for every producer and worker; share it with nobody else. "
        "See docs/privacy.md.\n"
        f"# Hashes post ids. Never change it: the ledger recognises posts by it.\n"
        f'ledger = "{keys.ledger.hex()}"\n'
        f"# The first key hashes author ids; `hashtide forget` also searches with the others.\n"
        f"author = [\n{author},\n]\n"
    )


def _parse(content: bytes, path: Path) -> Keys:
    if not content.startswith(HEADER):
        if len(content) < MIN_KEY_BYTES:
            raise _wrong(
                path, f"must hold at least {MIN_KEY_BYTES} bytes; create one with: openssl rand -hex {MIN_KEY_BYTES}"
            )
        return Keys(content)
    try:
        file = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _wrong(path, "is damaged: not TOML") from None
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at ")[2] or "the file"  # the rest of the message may quote a key
        raise _wrong(path, f"is damaged: {where} is not as `hashtide key rotate` wrote it") from None
    author, *old = (bytes.fromhex(each) for each in file.author)
    return Keys(author, tuple(old), bytes.fromhex(file.ledger))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise _wrong(path, f"can't be read: {error.strerror}") from None


def _wrong(path: Path, problem: str) -> WrongSetting:
    return WrongSetting(f"HASHTIDE_AUTHOR_KEY_FILE={str(path)!r}: {problem}")


def save(path: Path, content: str, *, replace: bool) -> bool:
    """Write a file of secrets atomically, readable only by its owner; False if it exists and `replace` is off.

    Writes a temporary file, then moves or links it into place: nobody reads half a key, and two processes that create
    one at the same time both use the first. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            _keep_owner(path, name)
            Path(name).replace(path)
        else:
            os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def _keep_owner(path: Path, name: str) -> None:
    """Give the new file the mode and the owner of the old one."""
    old: Any = path.stat() if path.exists() else None
    if old is not None:
        Path(name).chmod(old.st_mode & 0o777)
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(name, old.st_uid, old.st_gid)


def _create(path: Path) -> None:
    try:
        save(path, secrets.token_hex(MIN_KEY_BYTES) + "\n", replace=False)
    except OSError as error:
        raise WrongSetting(f"HASHTIDE_STATE_DIR={str(path.parent)!r}: can't be written: {error.strerror}") from None
