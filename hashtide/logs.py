"""Logs, set up in one place for every command: one line an event, on stderr, readable or JSON, and never a flood."""

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
"""From which level on clients are heard at all. At HASHTIDE_LOG_LEVEL=debug: from info on, since below that they log
what goes over the wire, with all that is in it: names, texts, logins."""

OF_OUTAGES: Final = {
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
"""How clients say that a server is away: `outages` says it, once for all of them."""

ECS_VERSION: Final = "9.0.0"
FRAMES: Final = 8
"""Of a traceback, in text: the innermost ones."""
MOST_TEMPLATES: Final = 500

_unhandled = logging.getLogger(__name__)


def config(settings: Common) -> dict[str, Any]:
    """What logging.config.dictConfig takes."""
    calm = settings.log_level != "debug"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"text": {"()": Text}, "json": {"()": Json}},
        "filters": {"seldom": {"()": RateLimitFilter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": settings.log_format,
                "filters": ["seldom"] if calm else [],
            }
        },
        "root": {"level": settings.log_level.upper(), "handlers": ["stderr"]},
        "loggers": {name: {"level": LEVELS[name] if calm else "INFO"} for name in LEVELS},
    }


def setup(settings: Common) -> None:
    """Set up logging for this process. What nobody handles, in any thread, and warnings of Python become events, too;
    of asyncio's tasks they are already."""
    logging.config.dictConfig(config(settings))
    logging.captureWarnings(True)
    sys.excepthook = _say_unhandled
    threading.excepthook = lambda args: _say_unhandled(args.exc_type, args.exc_value, args.exc_traceback)


class RateLimitFilter(logging.Filter):
    """Lets what clients say again and again through at once, then rarely; what outages say better, not at all."""

    def __init__(self, monotonic: Clock = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], tuple[LogThrottle, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        client, template = record.name.partition(".")[0], str(record.msg)
        if client in OURS:
            return True
        if any(words in template for words in OF_OUTAGES.get(client, ())):
            return False
        key = record.name, re.sub(r"\d+", "0", template)
        with self._lock:
            if len(self._said) >= MOST_TEMPLATES:
                self._said.clear()
            rarely, kept_back = self._said.get(key, (LogThrottle(), 0))
            due = rarely.due(self._monotonic())
            self._said[key] = rarely, 0 if due else kept_back + 1
        if due and kept_back:
            record.msg, record.args = "%s (and %d more like it)", (record.getMessage(), kept_back)
        return due


class Text(logging.Formatter):
    """For people. Whatever a message holds, it is one line, and no terminal obeys it; of a traceback it has the end."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        trace = f": {_chain(error)}" if error is not None else ""
        return escaped(f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}{trace}")


class Json(StdlibFormatter):
    """For machines: Elastic Common Schema, a JSON object a line. Everything but ASCII is escaped."""

    def __init__(self) -> None:
        unread = ("log.origin", "log.original", "process.name", "process.thread")
        super().__init__(exclude_fields=unread, extra={"service.name": "hashtide"})

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        event = super().format_to_ecs(record)
        event["ecs.version"] = ECS_VERSION  # the fields are the same in all versions since 1.6, which the library names
        if record.exc_info and record.exc_info[1] is not None:  # the library leaves out what it was caused by
            event["error"]["stack_trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return event


def _chain(error: BaseException) -> str:
    """An error, where it was raised, and those before it: all in one line."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    said = "".join(traceback.format_exception_only(error)).strip()
    return f"{said} [{where}]" + (f", after {_chain(before)}" if before is not None else "")


def _say_unhandled(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]
        return
    _unhandled.critical("this is a bug, please report it", exc_info=(kind, error, trace))
