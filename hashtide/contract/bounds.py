"""Bounds of what is read from platforms, sent to Kafka and kept: what is outside of them is refused by name."""

from typing import Final

EARLIEST_MS: Final = 1_136_073_600_000  # 2006-01-01T00:00:00Z: no platform of ours had posts before
LATEST_MS: Final = 253_402_300_799_999  # the end of 9999: later dates cannot be used in an index name
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000  # clocks of platforms and ours may differ by this much
MAX_PAYLOAD_BYTES: Final = 1 << 20  # a longer line is refused unread
MAX_MESSAGE_BYTES: Final = 4 << 20  # of one Kafka message: a payload of 1 MiB grows in base64 and in JSON's escapes
MAX_ID_CHARS: Final = 512
MAX_TEXT_CHARS: Final = 128 * 1024  # far above any platform's limit
MAX_PARTS: Final = 10_000  # posts of one payload; a line of 1 MiB holds some 3,000 that are any
