"""Settings: environment variables HASHTIDE_*, read once into one frozen value and checked before anything starts."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from hashtide.errors import HashtideError

PREFIX = "HASHTIDE_"

S = TypeVar("S", bound=msgspec.Struct)

Days = Annotated[int, Meta(ge=1, le=36_500)]


class WrongSetting(HashtideError, ValueError):
    """An invalid setting. The message names it and says what it must be."""

    exit_status = 2


def _state_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hashtide"


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every command."""

    kafka: Annotated[
        str, Meta(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$", description="Kafka brokers, host:port,host:port")
    ] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="how to connect to Kafka: with TLS (SSL), with a login (SASL), both or neither"),
    ] = "PLAINTEXT"
    kafka_ca_file: Annotated[
        Path | None,
        Meta(description="file with the CA certificates (PEM) to trust for Kafka; if unset, the system's"),
    ] = None
    kafka_certificate_file: Annotated[
        Path | None, Meta(description="file with the client certificate (PEM), if Kafka requires one (mutual TLS)")
    ] = None
    kafka_certificate_key_file: Annotated[
        Path | None, Meta(description="file with the private key (PEM, not encrypted) of the client certificate")
    ] = None
    kafka_sasl_mechanism: Annotated[
        Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"], Meta(description="how to log in to Kafka")
    ] = "SCRAM-SHA-512"
    kafka_user: Annotated[str | None, Meta(description="Kafka user, for SCRAM and PLAIN")] = None
    kafka_password_file: Annotated[Path | None, Meta(description="file with the password of the Kafka user")] = None
    kafka_token_file: Annotated[
        Path | None, Meta(description="file with a token for OAUTHBEARER, read again at every login")
    ] = None
    state_dir: Annotated[
        Path, Meta(description="folder for state that outlives a run: keys, positions, the embedded stack")
    ] = msgspec.field(default_factory=_state_dir)
    author_key_file: Annotated[
        Path | None,
        Meta(
            description="file with the key (32 bytes or more) that hashes author and post ids, or with the keys that "
            "`hashtide key rotate` wrote; if unset, created in the state folder. Must be the same everywhere"
        ),
    ] = None
    dead_letter_payloads: Annotated[
        bool,
        Meta(description="keep the payload in a dead letter; false: only its reason, source, size and digest"),
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="lowest level that is logged, on stderr")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Meta(description="text for people, or JSON in the Elastic Common Schema; one line per event"),
    ] = "text"


class PipelineSettings(Common, frozen=True, kw_only=True):
    """Settings of every command that manages topics or connects to Elasticsearch."""

    elasticsearch: Annotated[
        str, Meta(pattern=r"^https?://[^\s/@]+/?$", description="URL of Elasticsearch, without a login")
    ] = "http://127.0.0.1:9200"
    elasticsearch_api_key_file: Annotated[
        Path | None, Meta(description="file with an Elasticsearch API key, in its encoded form")
    ] = None
    elasticsearch_user: Annotated[str | None, Meta(description="Elasticsearch user, if there is no API key")] = None
    elasticsearch_password_file: Annotated[
        Path | None, Meta(description="file with the password of the Elasticsearch user")
    ] = None
    elasticsearch_ca_file: Annotated[
        Path | None,
        Meta(description="file with the CA certificates (PEM) to trust for Elasticsearch; if unset, the system's"),
    ] = None
    elasticsearch_fingerprint: Annotated[
        Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")] | None,
        Meta(description="SHA-256 of Elasticsearch's certificate, in hex: trust it instead of a CA"),
    ] = None
    group: Annotated[str, Meta(min_length=1, description="Kafka consumer group of the workers")] = "hashtide"
    publish_enriched: Annotated[
        bool,
        Meta(
            description="publish newly counted posts, edits and deletions with their tags to posts.enriched, at least "
            "once, for other consumers"
        ),
    ] = False
    partitions: Annotated[
        int, Meta(ge=1, le=1024, description="partitions of each topic that `hashtide setup` creates")
    ] = 4
    replication: Annotated[
        int, Meta(ge=1, le=9, description="replicas of each topic that `hashtide setup` creates; 3 in production")
    ] = 1
    retention_raw_days: Annotated[
        Days, Meta(description="retention of posts.raw (`hashtide setup`), days: longer than workers may be down")
    ] = 7
    retention_enriched_days: Annotated[
        Days, Meta(description="retention of posts.enriched (`hashtide setup`), days")
    ] = 7
    retention_dead_days: Annotated[
        Days, Meta(description="retention of posts.dead (`hashtide setup`), days: short, it holds what platforms sent")
    ] = 7


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read the settings of `kind` from an environment. Raises WrongSetting."""
    names = {PREFIX + field.name.upper(): field.name for field in msgspec.structs.fields(kind)}
    given = {names[name]: value for name, value in environ.items() if name in names and value != ""}
    try:
        return msgspec.convert(given, kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        for name, field in names.items():
            if field in given and f"`$.{field}`" in str(error):
                setting = next(setting for setting in described(kind) if setting.name == name)
                problem = str(error).partition(" - at ")[0]
                if "regex" in problem or "enum" in problem:  # means nothing to a user
                    problem = "has the wrong form"
                value = without_login(given[field])
                raise WrongSetting(f"{name}={value!r}: {problem} ({setting.type}: {setting.meaning})") from None
        raise WrongSetting(str(error)) from None


def without_login(value: str) -> str:
    """The value with credentials in URLs masked: nobody should put any there, but somebody will."""
    return re.sub(r"//[^/\s]*@", "//***@", value)


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError


class Described(msgspec.Struct, frozen=True):
    """One setting, for `hashtide settings`."""

    name: str
    default: str
    type: str
    meaning: str


def described(kind: type[msgspec.Struct]) -> Iterator[Described]:
    """Every setting of `kind`, in the order of its declaration."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        type_, *extras = get_args(hints[field.name])
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        meaning = next(meta.description for meta in extras if isinstance(meta, Meta) and meta.description)
        yield Described(
            PREFIX + field.name.upper(), "" if default is None else str(default), _type_name(type_), meaning
        )


def _type_name(type_: Any) -> str:
    if get_origin(type_) is Literal:
        return " or ".join(get_args(type_))
    if get_origin(type_) is Annotated:
        return _type_name(get_args(type_)[0])
    if members := [member for member in get_args(type_) if member is not type(None)]:
        return " or ".join(map(_type_name, members))
    name: str = type_.__name__
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(name, name.lower())
