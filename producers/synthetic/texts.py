"""What the people of the synthetic campaign say, where they are, and when: the shape of texts.toml."""

import tomllib
from functools import cache
from importlib.resources import files

from msgspec import Struct, convert


class Language(Struct, frozen=True):
    """What is said in one language."""

    code: str
    """ISO 639-1."""
    support: tuple[str, ...]
    """Said within the campaign, without a tag. The first is the bare "me too"."""
    everyday: tuple[str, ...]
    """Said by people who talk of something else."""
    tags: tuple[str, ...] = ()
    """The campaign's tags in this language, as written, without '#': each counts as the campaign's on its own."""
    side_tags: tuple[str, ...] = ()
    """Translations that are written beside a tag of the campaign."""


class ProfilePlace(Struct, frozen=True):
    """A place as a profile writes it, its country (ISO 3166-1 alpha-2) and its coordinates in degrees."""

    profile: str
    country: str
    longitude: float
    latitude: float


class Community(Struct, frozen=True):
    """People of one language in one part of the world."""

    name: str
    """Language and region, `en-IN`. The region is the main one of its places."""
    weight: int
    """Its part of the campaign while the whole world talks, relative to the others."""
    places: tuple[ProfilePlace, ...]


class Wave(Struct, frozen=True):
    """A burst of talk. Times are hours of a campaign of 48."""

    peak: float
    rise: float
    """Hours from nothing to the peak."""
    fall: float
    """Hours after which a quarter is left."""
    height: float
    """At the peak, how many times the talk of the whole world in a quiet hour."""
    communities: tuple[str, ...] = ()
    """Who talks. Empty: the whole world."""


class Texts(Struct, frozen=True):
    """All of texts.toml. What is repeated in a list is drawn more often."""

    root_text: str
    """The post that the campaign answers."""
    tags: tuple[str, ...]
    side_tags: tuple[str, ...]
    emoji: tuple[str, ...]
    mentions: tuple[str, ...]
    nowhere: tuple[str, ...]
    """Profiles that name no place."""
    stray_langs: tuple[str, ...]
    """What platforms write where they know no language."""
    wrong_langs: tuple[str, ...]
    """What platforms write by mistake."""
    languages: tuple[Language, ...]
    communities: tuple[Community, ...]
    waves: tuple[Wave, ...]


@cache
def texts() -> Texts:
    """The texts of the synthetic campaign. Reads package data, once."""
    return convert(tomllib.loads((files(__package__) / "texts.toml").read_text(encoding="utf-8")), Texts)
