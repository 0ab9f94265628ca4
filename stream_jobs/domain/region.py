"""The country a post comes from: by its coordinates, its place, or its author's profile. Never by its language."""

from importlib.resources import files
from typing import Final, Literal

import msgspec
import tzfpy

Source = Literal["coordinates", "place", "profile"]


class RegionTag(msgspec.Struct, frozen=True):
    """A post's country, ISO 3166-1 alpha-2, and how it's known. None where it isn't."""

    code: str | None
    source: Source | None
    confidence: float


NOWHERE: Final = RegionTag(None, None, 0.0)


class Regions:
    """Knows countries. Made once: reads its tables."""

    def __init__(self) -> None:
        self._of_zone: Final = _country_of_zone()
        self._countries: Final = frozenset(self._of_zone.values())
        tzfpy.get_tz(0.1, 51.5)  # loads its polygons

    def tag(
        self, coordinates: tuple[float, float] | None, place_country: str | None, location: str | None
    ) -> RegionTag:
        """The country of (longitude, latitude) in degrees, else of the platform's place, else of a profile's free text.
        Never raises."""
        if coordinates is not None and (code := self._at(*coordinates)):
            return RegionTag(code, "coordinates", 0.97)
        if place_country is not None and (code := place_country.strip().upper()) in self._countries:
            return RegionTag(code, "place", 0.97)
        if location and (code := _flag(location)):
            return RegionTag(code, "profile", 0.9)
        return NOWHERE

    def _at(self, longitude: float, latitude: float) -> str | None:
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90) or (longitude == 0 and latitude == 0):
            return None
        return self._of_zone.get(tzfpy.get_tz(longitude, latitude))


def _country_of_zone() -> dict[str, str]:
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def _flag(location: str) -> str | None:
    signs = [chr(ord(char) - 0x1F1E6 + ord("A")) for char in location if 0x1F1E6 <= ord(char) <= 0x1F1FF]
    return "".join(signs) if len(signs) == 2 else None
