"""Names are not ours to keep: author ids become keyed hashes before anything reaches Kafka, and so do addresses of
posts, which name their authors. Here are the keys; `hashtide key` looks after them."""

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
"""How a file begins that holds more than one key; any other file is one key, all of it."""

ADDRESS: Final = "://"
"""What makes a post's id an address, which has its author in it: `at://did:plc:.../app.bsky.feed.post/...` of Bluesky,
`https://example.org/users/NAME/statuses/...` of the Fediverse."""

_Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){32,}\Z")]


class Keys(msgspec.Struct, frozen=True):
    """The keys of an installation. Printed, they show nothing."""

    author: bytes
    """Author ids are hashed under it."""
    old: tuple[bytes, ...] = ()
    """Those that they were hashed under before, the newest first: for finding what is there, never for anything new."""
    ledger: bytes = b""
    """Posts are known to the ledger under it. It stays when the author's key is changed, so that they stay known."""

    def __post_init__(self) -> None:
        if not self.ledger:
            msgspec.structs.force_setattr(self, "ledger", ledger_key(self.author))

    def __repr__(self) -> str:
        return "Keys(***)"

    def rotated(self) -> "Keys":
        """With a new author key, and the present one among the old."""
        return Keys(secrets.token_bytes(MIN_KEY_BYTES), (self.author, *self.old), self.ledger)

    def without_old(self) -> "Keys":
        """With no memory of earlier author keys."""
        return Keys(self.author, (), self.ledger)


def ledger_key(author_key: bytes) -> bytes:
    """What an author key that was never changed stands for in the ledger; there is no way back from it."""
    return hashlib.blake2b(author_key, digest_size=32, person=b"hashtide-ledger").digest()


def fingerprint(key: bytes) -> str:
    """Short, for people to see that two machines have the same key; says nothing about it."""
    return hashlib.blake2b(key, digest_size=6, person=b"hashtide-finger").hexdigest()


def hash_author(key: bytes, platform: str, author: str) -> str:
    """HMAC-SHA256 (RFC 2104) of `platform:author` in hex: the same author is the same hash, and no name comes back."""
    return hmac.digest(key, f"{platform}:{author}".encode(), "sha256").hex()


class Pseudonyms:
    """What authors and posts are called from intake on."""

    def __init__(self, keys: Keys) -> None:
        self._author = keys.author
        self._posts = hashlib.blake2b(keys.ledger, digest_size=32, person=b"hashtide-post-id").digest()

    def author(self, platform: str, author: str) -> str:
        """The keyed hash of an author's id."""
        return hash_author(self._author, platform, author)

    def post(self, platform: str, post_id: str) -> str:
        """An id that is an address becomes a keyed hash, under a key that stays; any other is what it is."""
        if ADDRESS not in post_id:
            return post_id
        return "~" + hashlib.blake2b(f"{platform}:{post_id}".encode(), digest_size=16, key=self._posts).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys as they are written, each the hex digits of its bytes."""

    ledger: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    author: Annotated[tuple[_Hex, ...], Meta(min_length=1)]


def key_file(settings: Common) -> Path:
    """Where the keys lie: in `author_key_file`, else in the state folder."""
    return settings.author_key_file or settings.state_dir / "author.key"


def load_keys(settings: Common) -> Keys:
    """The keys out of `author_key_file`; where that is unset, out of the state folder, made there the first time.

    Blocks on the disk. Raises WrongSetting for a file that is missing, unreadable or no keys; it shows none.
    """
    path = key_file(settings)
    if settings.author_key_file is None and not path.exists():
        _make(path)
    return _parse(_read(path), path)


def written(keys: Keys) -> str:
    """What a file of several keys says."""
    author = ",\n".join(f'    "{key.hex()}"' for key in (keys.author, *keys.old))
    return (
        f"{HEADER.decode()}: the same file for every producer and worker, and for nobody else. See docs/privacy.md.\n"
        f"# Posts are known to the ledger under this one. It stays.\n"
        f'ledger = "{keys.ledger.hex()}"\n'
        f"# Author ids are hashed under the first; `hashtide forget` looks under the others, too.\n"
        f"author = [\n{author},\n]\n"
    )


def _parse(content: bytes, path: Path) -> Keys:
    if not content.startswith(HEADER):
        if len(content) < MIN_KEY_BYTES:
            raise _wrong(
                path, f"must hold at least {MIN_KEY_BYTES} bytes; make one with: openssl rand -hex {MIN_KEY_BYTES}"
            )
        return Keys(content)
    try:
        file = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _wrong(path, "is no file of keys any more: it is not TOML") from None
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at ")[2] or "the file"  # the rest of the message may quote a key
        raise _wrong(path, f"is no file of keys any more: {where} is not as `hashtide key rotate` wrote it") from None
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
    """Write a file of secrets, readable by its owner only, all of it or nothing; whether it was written.

    Written aside and moved or linked into place: nobody reads half a key, and of two that make one at once both use
    the first. Raises OSError.
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
    """Have the new file be read by whoever read the old one."""
    there: Any = path.stat() if path.exists() else None
    if there is not None:
        Path(name).chmod(there.st_mode & 0o777)
        if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(name, there.st_uid, there.st_gid)


def _make(path: Path) -> None:
    try:
        save(path, secrets.token_hex(MIN_KEY_BYTES) + "\n", replace=False)
    except OSError as error:
        raise WrongSetting(f"HASHTIDE_STATE_DIR={str(path.parent)!r}: can't be written: {error.strerror}") from None
