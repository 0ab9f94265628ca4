"""Units of time in milliseconds, and moments as text. Pure: reads no clock."""

from datetime import UTC, datetime
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


def iso(moment_ms: int) -> str:
    """A moment in ISO 8601, UTC: `2017-10-15T20:21:49Z`; with fractions of a second only if there are any."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
