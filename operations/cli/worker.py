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
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics, 0 for none. [default: 9464]")
def worker(metrics_port: int | None) -> None:
    """Enrich, count and index posts until a signal ends it. Start as many as there are partitions.

    SIGTERM and Ctrl-C end it cleanly within 10 seconds: the batch in hand is finished and committed. SIGHUP has it load
    the campaigns of HASHTIDE_CAMPAIGNS anew, between two batches; where they can't be used, those from before stay.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # nothing is consumed before Faust runs, and takes it over
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the campaigns are yet to be loaded
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
