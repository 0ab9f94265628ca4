"""Logs, set up in one place for every command: one line an event, on stderr."""

import logging.config
from typing import Any

WIRES = ("aiokafka", "elastic_transport", "faust", "httpcore", "httpx", "kafka", "websockets")
"""Clients that at debug log what goes over the wire, with all that is in it: names, texts, logins."""


def config(level: str) -> dict[str, Any]:
    """What logging.config.dictConfig takes."""
    # What clients say of their own retries: a line for each, many a second when a server is down. We say it ourselves.
    quiet = {"aiokafka": "ERROR", "elastic_transport": "ERROR", "faust": "WARNING", "kafka": "ERROR"}
    quiet |= {"kafka.net": "CRITICAL", "mode": "WARNING", "mode.timers": "ERROR", "httpx": "WARNING"}
    loggers = {name: {"level": at_least} for name, at_least in quiet.items()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {name: {"level": "INFO"} for name in WIRES} if level == "debug" else loggers,
    }


def setup(level: str) -> None:
    """Set up logging for this process."""
    logging.config.dictConfig(config(level))
