"""The labelled sets: texts and places made up for this project. One case per line: label, tab, text."""

from importlib.resources import files


def languages() -> list[tuple[str, str]]:
    """Posts as people write them, each with its language (ISO 639-1; Norwegian is `no`)."""
    return _cases("languages.tsv")


def junk() -> list[str]:
    """Posts without a specific language: names, exclamations, emoji, only tags."""
    return [line for line in _lines("junk.txt") if line]


def profiles() -> list[tuple[str, str]]:
    """Locations from profiles, each with its country, or `-` if there is no answer."""
    return _cases("profiles.tsv")


def points() -> list[tuple[str, tuple[float, float]]]:
    """Points near borders, on islands, in enclaves and at sea: (longitude, latitude), each with its country or `-`."""
    found = []
    for label, point in _cases("points.tsv"):
        longitude, latitude = point.split(" ")
        found.append((label, (float(longitude), float(latitude))))
    return found


def _cases(name: str) -> list[tuple[str, str]]:
    cases = (line.split("\t") for line in _lines(name))
    return [(label, text) for label, text, *_ in cases]


def _lines(name: str) -> list[str]:
    return (files(__package__) / name).read_text(encoding="utf-8").splitlines()
