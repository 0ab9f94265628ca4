"""Logs, set up in one place for every command: one line an event, on stderr."""

import logging.config
from typing import Any


def config(level: str) -> dict[str, Any]:
    """What logging.config.dictConfig takes."""
    quiet = {name: {"level": "WARNING"} for name in ("aiokafka", "faust", "mode", "elastic_transport")}
    quiet |= {name: {"level": "ERROR"} for name in ("kafka", "mode.timers")}  # warn whenever the machine is busy
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {} if level == "debug" else quiet,
    }


def setup(level: str) -> None:
    """Set up logging for this process."""
    logging.config.dictConfig(config(level))
