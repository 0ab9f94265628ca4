"""One worker process: /metrics, and the Faust app until a signal ends it."""

import asyncio
import logging
from typing import NoReturn

import faust
from prometheus_client import start_http_server

from producers.settings import WrongSetting
from stream_jobs import app, logs
from stream_jobs.settings import StreamSettings

DEFAULT_METRICS_PORT = 9464

log = logging.getLogger(__name__)


def run(settings: StreamSettings) -> NoReturn:
    """Work until SIGTERM or SIGINT, then drain, flush and commit. Never returns: raises SystemExit.

    Raises what app.create raises, before anything is consumed.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())
    worker_app = app.create(settings)
    if settings.metrics_port != 0:
        serve_metrics(settings)
    log.info("working: Kafka %s, Elasticsearch %s, group %s", settings.kafka, settings.elasticsearch, settings.group)
    faust.Worker(
        worker_app,
        loglevel=settings.log_level.upper(),
        logging_config=logs.config(settings.log_level),
        redirect_stdouts=False,
        loop=asyncio.get_event_loop(),
    ).execute_from_commandline()


def serve_metrics(settings: StreamSettings) -> None:
    """Answer /metrics from a thread of its own. Raises WrongSetting where the port asked for is taken."""
    asked, host = settings.metrics_port, settings.metrics_host
    try:
        server, _ = start_http_server(DEFAULT_METRICS_PORT if asked is None else asked, addr=host)
    except OSError as error:
        if asked is not None:
            raise WrongSetting(f"HASHTIDE_METRICS_PORT={asked}: can't listen on {host}: {error.strerror}") from None
        server, _ = start_http_server(0, addr=host)
    log.info("metrics on http://%s:%d/metrics", host, server.server_port)
