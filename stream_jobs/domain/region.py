"""The country a post comes from: by its coordinates, its place, or its author's profile. Never by its language."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import msgspec
import tzfpy

from stream_jobs.domain.profile import READ_CHARS, Profiles

Source = Literal["coordinates", "place", "profile"]

# Shares that were right of what we labelled and measured (docs/quality.md), rounded down.
_COORDINATES: Final = 0.96
_PLACE: Final = 0.99
_PROFILE: Final = {1: 0.75, 2: 0.9, 3: 0.95, 4: 0.97}  # by `profile.Meaning.worth`

# Old phone apps wrote their position into the profile: "ÜT: 40.7,-73.9", latitude first.
_POSITION: Final = re.compile(r"(-?\d{1,2}\.\d{2,})\s*,\s*(-?\d{1,3}\.\d{2,})")


class RegionTag(msgspec.Struct, frozen=True, gc=False):
    """A post's country, ISO 3166-1 alpha-2, and how it's known. None where it isn't."""

    code: str | None
    source: Source | None
    confidence: float


NOWHERE: Final = RegionTag(None, None, 0.0)


class Regions:
    """Tags countries. `of_zone`: the country of every time zone that lies in one.

    The first point takes another 0.2 s and 33 MB, for the borders: most campaigns' posts have none.
    """

    def __init__(self, profiles: Profiles, of_zone: Mapping[str, str]) -> None:
        self._of_zone: Final = of_zone
        self._countries: Final = frozenset(of_zone.values())
        self._profiles: Final = profiles
        # The same few thousand places are most of what profiles say: 6 MB.
        self._of_profile: Final = lru_cache(maxsize=16_384)(self._profile)

    def tag(
        self, coordinates: tuple[float, float] | None, place_country: str | None, location: str | None
    ) -> RegionTag:
        """The country of (longitude, latitude) in degrees, else of the platform's place, else of a profile's free text.
        Never raises."""
        if coordinates is not None and (code := self._at(*coordinates)):
            return RegionTag(code, "coordinates", _COORDINATES)
        if place_country is not None and (code := place_country.strip().upper()) in self._countries:
            return RegionTag(code, "place", _PLACE)
        return self._of_profile(location[:READ_CHARS]) if location else NOWHERE

    def _at(self, longitude: float, latitude: float) -> str | None:
        """The country of a point; none at sea, off the globe (or not a number), and at 0, 0: that's an empty field."""
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
