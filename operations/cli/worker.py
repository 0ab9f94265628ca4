"""`hashtide worker`."""

import os
import signal
import sys
from functools import partial

import click
import msgspec

from hashtide.settings import load
from operations.settings import OperationsSettings


@click.command()
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics, 0: none. [default: 9464]")
def worker(metrics_port: int | None) -> None:
    """Enrich, count and index posts until a signal stops it.

    Start as many workers as there are partitions. SIGTERM and Ctrl-C stop it cleanly within 10 seconds: it finishes
    and commits the current batch. SIGHUP reloads HASHTIDE_CAMPAIGNS between two batches; if the new campaigns can't be
    used, the old ones stay.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Faust handles it; nothing is consumed before
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # no campaigns are loaded yet
    from operations.retention.daily import attach
    from operations.retention.rules import RetentionPolicy
    from stream_jobs.worker import run

    settings = load(OperationsSettings, os.environ)
    if metrics_port is not None:
        settings = msgspec.structs.replace(settings, metrics_port=metrics_port)
    if not settings.retention:
        run(settings)
    policy = RetentionPolicy.of(settings)
    run(settings, partial(attach, settings, policy))
