"""The country a post comes from, by its coordinates, its place, or its author's profile. Never by its language."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import msgspec
import tzfpy

from stream_jobs.domain.profile import READ_CHARS, Profiles

Source = Literal["coordinates", "place", "profile"]

# Measured precision on our labelled sets (docs/quality.md), rounded down.
_COORDINATES: Final = 0.96
_PLACE: Final = 0.99
_PROFILE: Final = {1: 0.75, 2: 0.9, 3: 0.95, 4: 0.97}  # by `profile.Meaning.worth`

# Old phone apps wrote the position into the profile: "ÜT: 40.7,-73.9", latitude first.
_POSITION: Final = re.compile(r"(-?\d{1,2}\.\d{2,})\s*,\s*(-?\d{1,3}\.\d{2,})")


class RegionTag(msgspec.Struct, frozen=True, gc=False):
    """A post's country, ISO 3166-1 alpha-2, and its source. Both None if unknown."""

    code: str | None
    source: Source | None
    confidence: float


NOWHERE: Final = RegionTag(None, None, 0.0)


class Regions:
    """Tags countries. `of_zone`: time zone -> country, for every zone inside a country.

    The first point loads the borders: 0.2 s and 33 MB more. Most campaigns have no posts with coordinates.
    """

    def __init__(self, profiles: Profiles, of_zone: Mapping[str, str]) -> None:
        self._of_zone: Final = of_zone
        self._countries: Final = frozenset(of_zone.values())
        self._profiles: Final = profiles
        # 6 MB. Most profiles name the same few thousand places.
        self._of_profile: Final = lru_cache(maxsize=16_384)(self._profile)

    def tag(
        self, coordinates: tuple[float, float] | None, place_country: str | None, location: str | None
    ) -> RegionTag:
        """The country of (longitude, latitude) in degrees, else of the platform's place, else of the profile's text.
        Never raises."""
        if coordinates is not None and (code := self._at(*coordinates)):
            return RegionTag(code, "coordinates", _COORDINATES)
        if place_country is not None and (code := place_country.strip().upper()) in self._countries:
            return RegionTag(code, "place", _PLACE)
        return self._of_profile(location[:READ_CHARS]) if location else NOWHERE

    def _at(self, longitude: float, latitude: float) -> str | None:
        """The country of a point. None at sea, out of range, for NaN, and at 0, 0 (an empty field)."""
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90) or (longitude == 0 and latitude == 0):
            return None
        return self._of_zone.get(tzfpy.get_tz(longitude, latitude))

    def _profile(self, location: str) -> RegionTag:
        if found := self._profiles.country(location):
            country, worth = found
            return RegionTag(country, "profile", _PROFILE[worth]) if country in self._countries else NOWHERE
        if position := _POSITION.search(location):
            code = self._at(float(position[2]), float(position[1]))
            return RegionTag(code, "profile", _COORDINATES) if code else NOWHERE
        return NOWHERE
