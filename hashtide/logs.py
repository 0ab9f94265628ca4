"""Logging for every command: one line per event, on stderr, as text or JSON, rate-limited."""

import logging.config
import re
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any, Final

from ecs_logging import StdlibFormatter

from hashtide.escapes import escaped
from hashtide.outages import Clock, LogThrottle
from hashtide.settings import Common

OURS: Final = frozenset(("hashtide", "producers", "stream_jobs", "operations", "deploy", "__main__"))

LEVELS: Final = {
    "aiokafka": "ERROR",
    "elastic_transport": "ERROR",
    "faust": "WARNING",
    "httpcore": "WARNING",
    "httpx": "WARNING",
    "kafka": "ERROR",
    "kafka.net": "CRITICAL",
    "mode": "WARNING",
    "mode.timers": "ERROR",
    "websockets": "WARNING",
}
"""Lowest level logged of each client library. At HASHTIDE_LOG_LEVEL=debug it is info: below that they log the traffic
itself, with names, texts and credentials."""

OUTAGE_MESSAGES: Final = {
    "aiokafka": (
        "Error sending",
        "Failed fetch messages from",
        "Failed fetch offsets from",
        "Group Coordinator Request failed",
        "Heartbeat send request failed",
        "Heartbeat session expired",
        "LeaveGroup request failed",
        "OffsetCommit failed before join",
        "Unable connect to",
        "Unable to update metadata from",
    ),
    "kafka": ("Bootstrap", "Connection failed", "Error sending produce request", "Metadata refresh"),
}
"""Client messages about an unreachable server: not logged, because `outages` reports it once for all clients."""

ECS_VERSION: Final = "9.0.0"
FRAMES: Final = 8
"""Innermost frames of a traceback that are logged, in text."""
MAX_TEMPLATES: Final = 500

_unhandled = logging.getLogger(__name__)


def config(settings: Common) -> dict[str, Any]:
    """The argument of logging.config.dictConfig."""
    debug = settings.log_level == "debug"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"text": {"()": Text}, "json": {"()": Json}},
        "filters": {"rate_limit": {"()": RateLimitFilter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": settings.log_format,
                "filters": [] if debug else ["rate_limit"],
            }
        },
        "root": {"level": settings.log_level.upper(), "handlers": ["stderr"]},
        "loggers": {name: {"level": "INFO" if debug else LEVELS[name]} for name in LEVELS},
    }


def setup(settings: Common) -> None:
    """Set up logging for this process, and log unhandled exceptions of any thread and Python's warnings.

    asyncio already logs the exceptions of its tasks.
    """
    logging.config.dictConfig(config(settings))
    logging.captureWarnings(True)
    sys.excepthook = _log_unhandled
    threading.excepthook = lambda args: _log_unhandled(args.exc_type, args.exc_value, args.exc_traceback)


class RateLimitFilter(logging.Filter):
    """Passes a client's repeated message at once, then rarely; drops what `outages` reports."""

    def __init__(self, monotonic: Clock = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._throttles: dict[tuple[str, str], tuple[LogThrottle, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        client, template = record.name.partition(".")[0], str(record.msg)
        if client in OURS:
            return True
        if any(words in template for words in OUTAGE_MESSAGES.get(client, ())):
            return False
        key = record.name, re.sub(r"\d+", "0", template)
        with self._lock:
            if len(self._throttles) >= MAX_TEMPLATES:
                self._throttles.clear()
            throttle, suppressed = self._throttles.get(key, (LogThrottle(), 0))
            due = throttle.due(self._monotonic())
            self._throttles[key] = throttle, 0 if due else suppressed + 1
        if due and suppressed:
            record.msg, record.args = "%s (and %d more like it)", (record.getMessage(), suppressed)
        return due


class Text(logging.Formatter):
    """For people: one line per event, escaped for terminals, with the innermost frames of a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        trace = f": {_chain(error)}" if error is not None else ""
        return escaped(f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}{trace}")


class Json(StdlibFormatter):
    """For machines: Elastic Common Schema, one JSON object per line, in ASCII."""

    def __init__(self) -> None:
        unused = ("log.origin", "log.original", "process.name", "process.thread")
        super().__init__(exclude_fields=unused, extra={"service.name": "hashtide"})

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        event = super().format_to_ecs(record)
        event["ecs.version"] = ECS_VERSION  # the library says 1.6; these fields have not changed since
        if record.exc_info and record.exc_info[1] is not None:  # the library omits the cause
            event["error"]["stack_trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return event


def _chain(error: BaseException) -> str:
    """An error, where it was raised, and the errors before it, in one line."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    message = "".join(traceback.format_exception_only(error)).strip()
    return f"{message} [{where}]" + (f", after {_chain(before)}" if before is not None else "")


def _log_unhandled(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]
        return
    _unhandled.critical("this is a bug, please report it", exc_info=(kind, error, trace))
