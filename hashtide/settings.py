"""Settings: environment variables named HASHTIDE_*, read once into one frozen value, checked before anything starts."""

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
    """A setting that can't be used. The message names it and says what it must be."""

    exit_status = 2


def _state_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hashtide"


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every command needs."""

    kafka: Annotated[
        str, Meta(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$", description="Kafka brokers, host:port,host:port")
    ] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="how Kafka is spoken to: by TLS (SSL), with a login (SASL), both or neither"),
    ] = "PLAINTEXT"
    kafka_ca_file: Annotated[
        Path | None,
        Meta(description="file with the certificates (PEM) to trust Kafka by; the system's where unset"),
    ] = None
    kafka_certificate_file: Annotated[
        Path | None, Meta(description="file with our own certificate (PEM), where Kafka asks for one (mutual TLS)")
    ] = None
    kafka_certificate_key_file: Annotated[
        Path | None, Meta(description="file with the key (PEM, not encrypted) of our own certificate")
    ] = None
    kafka_sasl_mechanism: Annotated[
        Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"], Meta(description="how we log in to Kafka")
    ] = "SCRAM-SHA-512"
    kafka_user: Annotated[str | None, Meta(description="user of Kafka, for SCRAM and PLAIN")] = None
    kafka_password_file: Annotated[Path | None, Meta(description="file with the password of that user of Kafka")] = None
    kafka_token_file: Annotated[
        Path | None, Meta(description="file with a token for OAUTHBEARER, read anew for every login")
    ] = None
    state_dir: Annotated[
        Path, Meta(description="folder for what must outlive a run: keys, positions, the embedded stack")
    ] = msgspec.field(default_factory=_state_dir)
    author_key_file: Annotated[
        Path | None,
        Meta(
            description="file with the key (32 bytes or more) that author and post ids are hashed under, or with the "
            "keys that `hashtide key rotate` wrote; made in the state folder where unset. The same for all"
        ),
    ] = None
    dead_letter_payloads: Annotated[
        bool,
        Meta(
            description="keep the bytes of what became a dead letter; false: only why, whence, how many, and a digest"
        ),
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="how much is logged, on stderr")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Meta(description="text for people, or JSON by the Elastic Common Schema; a line an event"),
    ] = "text"


class PipelineSettings(Common, frozen=True, kw_only=True):
    """What everything needs that looks after the topics or talks to Elasticsearch."""

    elasticsearch: Annotated[
        str, Meta(pattern=r"^https?://[^\s/@]+/?$", description="Elasticsearch, as a URL; the login goes elsewhere")
    ] = "http://127.0.0.1:9200"
    elasticsearch_api_key_file: Annotated[
        Path | None, Meta(description="file with an API key of Elasticsearch, in its encoded form")
    ] = None
    elasticsearch_user: Annotated[str | None, Meta(description="user of Elasticsearch, where there is no API key")] = (
        None
    )
    elasticsearch_password_file: Annotated[Path | None, Meta(description="file with the password of that user")] = None
    elasticsearch_ca_file: Annotated[
        Path | None,
        Meta(description="file with the certificates (PEM) to trust Elasticsearch by; the system's where unset"),
    ] = None
    elasticsearch_fingerprint: Annotated[
        Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")] | None,
        Meta(description="SHA-256 of Elasticsearch's certificate, in hex, to trust it by in place of a CA"),
    ] = None
    group: Annotated[str, Meta(min_length=1, description="Kafka consumer group of the workers")] = "hashtide"
    partitions: Annotated[
        int, Meta(ge=1, le=1024, description="partitions of each topic that `hashtide setup` makes")
    ] = 4
    replication: Annotated[
        int, Meta(ge=1, le=9, description="replicas of each topic that `hashtide setup` makes; 3 in production")
    ] = 1
    retention_raw_days: Annotated[
        Days, Meta(description="how long `hashtide setup` has posts.raw kept, days: longer than workers may be down")
    ] = 7
    retention_enriched_days: Annotated[Days, Meta(description="the same of posts.enriched, days")] = 7
    retention_dead_days: Annotated[
        Days, Meta(description="the same of posts.dead, days: short, for it keeps what platforms sent")
    ] = 7


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of `kind` out of an environment. Raises WrongSetting."""
    names = {PREFIX + field.name.upper(): field.name for field in msgspec.structs.fields(kind)}
    given = {names[name]: value for name, value in environ.items() if name in names and value != ""}
    try:
        return msgspec.convert(given, kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        for name, field in names.items():
            if field in given and f"`$.{field}`" in str(error):
                must = next(setting for setting in described(kind) if setting.name == name)
                problem = str(error).partition(" - at ")[0]
                if "regex" in problem or "enum" in problem:  # says nothing to people
                    problem = "not of the right form"
                value = without_login(given[field])
                raise WrongSetting(f"{name}={value!r}: {problem} ({must.type}: {must.meaning})") from None
        raise WrongSetting(str(error)) from None


def without_login(value: str) -> str:
    """A value as it may be shown: nobody should put a login into a URL, but somebody will."""
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
