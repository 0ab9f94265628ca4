"""Limits of what is read from platforms, sent to Kafka and stored. Anything beyond is refused with a named reason."""

from typing import Final

EARLIEST_MS: Final = 1_136_073_600_000  # 2006-01-01T00:00:00Z: none of the platforms had posts before
LATEST_MS: Final = 253_402_300_799_999  # the end of 9999: later dates cannot be used in an index name
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000  # allowed difference between a platform's clock and ours
MAX_PAYLOAD_BYTES: Final = 1 << 20  # a longer line is refused unparsed
MAX_MESSAGE_BYTES: Final = 4 << 20  # one Kafka message: base64 and JSON escapes enlarge a payload of 1 MiB
MAX_ID_CHARS: Final = 512
MAX_TEXT_CHARS: Final = 128 * 1024  # far above any platform's limit
MAX_PARTS: Final = 10_000  # posts in one payload; a line of 1 MiB holds some 3,000 valid ones
