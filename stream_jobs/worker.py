"""One worker process: /metrics, health checks, and the Faust app, until a signal ends it."""

import asyncio
import gc
import logging
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import faust

from hashtide import logs
from hashtide.elasticsearch import session
from hashtide.elasticsearch.client import connection
from hashtide.settings import WrongSetting
from stream_jobs import app, health
from stream_jobs.health import DEFAULT_METRICS_PORT, Checks
from stream_jobs.settings import StreamSettings
from stream_jobs.transport.app import BatchApp

log = logging.getLogger(__name__)


def run(settings: StreamSettings, extend: Callable[[BatchApp], None] = lambda _: None) -> NoReturn:
    """Run until SIGTERM or SIGINT, then drain, flush and commit. Never returns: raises SystemExit.

    `extend` may add tasks to the app before it starts. Raises what app.create raises, before anything is consumed.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())
    worker_app = app.create(settings)
    extend(worker_app)
    if settings.metrics_port != 0:
        serve(settings, Checks(worker_app.progress, partial(session.answers, connection(settings))))
    log.info("working: Kafka %s, Elasticsearch %s, group %s", settings.kafka, settings.elasticsearch, settings.group)
    # The detector, the tables and the code are never freed. Frozen, the garbage collector no longer scans them, which
    # halves the cost of enriching a post.
    gc.collect()
    gc.freeze()
    # The objects of a batch live until its end. With Python's default thresholds, the collector took 13 % of a busy
    # worker's time, in pauses of up to 190 ms. A threshold of 10,000 objects still cost 1.8 us a post; this one costs
    # 0.5 us.
    gc.set_threshold(100_000, 20, 20)
    faust.Worker(
        worker_app,
        loglevel=settings.log_level.upper(),
        logging_config=logs.config(settings),
        redirect_stdouts=False,
        loop=asyncio.get_event_loop(),
    ).execute_from_commandline()


def serve(settings: StreamSettings, checks: Checks) -> None:
    """Serve /metrics, /healthz and /readyz. Does not block. Raises WrongSetting if the configured port is in use."""
    wanted, host = settings.metrics_port, settings.metrics_host
    try:
        port = health.serve(host, DEFAULT_METRICS_PORT if wanted is None else wanted, checks)
    except OSError as error:
        if wanted is not None:
            raise WrongSetting(f"HASHTIDE_METRICS_PORT={wanted}: can't listen on {host}: {error.strerror}") from None
        port = health.serve(host, 0, checks)
    log.info("metrics on http://%s:%d/metrics", host, port)
