"""The shape of texts.toml: what the people of the synthetic campaign post, where they are, and when."""

import tomllib
from functools import cache
from importlib.resources import files

from msgspec import Struct, convert


class Language(Struct, frozen=True):
    """The texts in one language."""

    code: str
    """ISO 639-1."""
    support: tuple[str, ...]
    """Posts of the campaign, without a tag. The first is the bare "me too"."""
    everyday: tuple[str, ...]
    """Posts about something else."""
    tags: tuple[str, ...] = ()
    """The campaign's tags in this language, as written, without '#': each one alone marks a post of the campaign."""
    side_tags: tuple[str, ...] = ()
    """Translations that are used together with a tag of the campaign."""


class ProfilePlace(Struct, frozen=True):
    """A place as written in a profile, its country (ISO 3166-1 alpha-2) and its coordinates in degrees."""

    profile: str
    country: str
    longitude: float
    latitude: float


class Community(Struct, frozen=True):
    """People of one language in one part of the world."""

    name: str
    """Language and region, `en-IN`. The region is that of most of its places."""
    weight: int
    """Its share of the campaign while the whole world posts, relative to the others."""
    places: tuple[ProfilePlace, ...]


class Wave(Struct, frozen=True):
    """A burst of posts. Times are hours of a 48-hour campaign."""

    peak: float
    rise: float
    """Hours from nothing to the peak."""
    fall: float
    """Hours from the peak until a quarter is left."""
    height: float
    """At the peak, as a multiple of the whole world's posts in a quiet hour."""
    communities: tuple[str, ...] = ()
    """Communities that post. Empty: the whole world."""


class Texts(Struct, frozen=True):
    """All of texts.toml. Repeated list entries are drawn more often."""

    root_text: str
    """The post that the campaign answers."""
    tags: tuple[str, ...]
    side_tags: tuple[str, ...]
    emoji: tuple[str, ...]
    mentions: tuple[str, ...]
    nowhere: tuple[str, ...]
    """Profiles that name no place."""
    stray_langs: tuple[str, ...]
    """Codes that platforms write for an unknown language."""
    wrong_langs: tuple[str, ...]
    """Wrong codes that platforms write by mistake."""
    languages: tuple[Language, ...]
    communities: tuple[Community, ...]
    waves: tuple[Wave, ...]


@cache
def texts() -> Texts:
    """The texts of the synthetic campaign. Reads package data, once."""
    return convert(tomllib.loads((files(__package__) / "texts.toml").read_text(encoding="utf-8")), Texts)
