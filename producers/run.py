"""One run of a producer: reads a source, publishes to Kafka, and returns an account."""

import logging
import time
from collections.abc import Callable, Generator
from typing import Literal

import msgspec
from prometheus_client import start_http_server

from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import Gap, Origin, Post
from hashtide.identity import Pseudonyms, load_keys
from hashtide.interrupts import Interrupted, Interrupts
from hashtide.metrics import producer as metrics
from hashtide.settings import WrongSetting
from producers.intake import Intake, IntakeAccount, IntakeRules, Pace, Parse
from producers.publisher import Publisher, PublishFailed
from producers.publishers import Publishers
from producers.settings import ProducerSettings
from producers.sources.lost import Refused
from producers.sources.positions import Checkpoints, Positions
from producers.sources.received import Item, Received

log = logging.getLogger(__name__)

Items = Generator[Item | None, None, None]
"""Items of a source; None if nothing came for a while."""

ShowProgress = Callable[[IntakeAccount, int], None]
"""Called after each item with the account so far, and how much of the source's total is consumed."""


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a source."""

    origin: Origin
    positions: Positions | None = None
    """Where a stream stores its position; None: the source has an end."""
    matches: Callable[[Post], bool] = lambda post: True
    speed: float | None = None
    """How many times faster than real time; None: as fast as Kafka accepts."""
    jobs: int = 1
    """Number of publishing processes."""
    max_age_days: int | None = None
    """Maximum age of posts, days; None: any age."""


class RunResult(msgspec.Struct, frozen=True):
    """The result of a run."""

    account: IntakeAccount
    seconds: float
    ended: Literal["finished", "interrupted", "failed"]
    failure: Exception | None = None
    """HashtideError, OSError or EOFError if it failed. The account says what was read; Kafka may have less."""

    def summary(self) -> dict[str, object]:
        """The account, for scripts: read = posts + edits + deletes + control + filtered + dead."""
        dispositions = {name: getattr(self.account, name) for name in self.account.__struct_fields__}
        numbers = {"read": self.account.read, "sent": self.account.sent} | dispositions
        return numbers | {"seconds": round(self.seconds, 3), "ended": self.ended}


def run(items: Items, parse: Parse, settings: ProducerSettings, options: RunOptions, show: ShowProgress) -> RunResult:
    """Publish the items of a source, until it ends, a signal comes, or it fails.

    Blocks. Errors of the source or Kafka during the run are in the result; before it starts, raises WrongSetting,
    KafkaUnreachable and KafkaRefused.
    """
    names = Pseudonyms(load_keys(settings))
    started = time.monotonic()
    account = IntakeAccount()
    ended: Literal["finished", "interrupted", "failed"] = "finished"
    failure: Exception | None = None
    rules = IntakeRules(
        origin=options.origin,
        names=names,
        clock_ms=wall_clock_ms,
        matches=options.matches,
        max_age_days=options.max_age_days,
    )
    try:
        kafka = Publisher(settings) if options.jobs == 1 else Publishers(settings, options.jobs)
        with kafka as publisher, Interrupts() as interrupts:
            pace = None if options.speed is None else Pace(options.speed, time.monotonic, interrupts.sleep)
            intake = Intake(publisher, parse, account, rules, pace)
            checkpoints = (
                None if options.positions is None else Checkpoints(publisher.flush, options.positions, time.monotonic)
            )
            try:
                for item in interrupts.pull(items):
                    if isinstance(item, Received | Gap):
                        intake.accept(item)
                    if checkpoints is not None:
                        checkpoints.passed(item)
                    show(account, item.consumed if isinstance(item, Received) else 0)
            except Interrupted:
                pass
            except (Refused, OSError, EOFError) as error:
                ended, failure = "failed", error
            if interrupts.asked:
                ended = "interrupted"
                log.info("stopping: sending what was read")
            if checkpoints is not None:
                checkpoints.save()
    except PublishFailed as error:  # also from the last flush
        ended, failure = "failed", error
    return RunResult(account, time.monotonic() - started, ended, failure)


def serve_metrics(source: str, port: int | None, settings: ProducerSettings) -> None:
    """Serve /metrics from a separate thread, if a port is given. Raises WrongSetting if the port is taken."""
    if not port:
        return
    metrics.expect(source)
    try:
        start_http_server(port, addr=settings.metrics_host)
    except OSError as error:
        where = f"{settings.metrics_host}:{port}"
        raise WrongSetting(f"--metrics-port={port}: can't listen on {where}: {error.strerror}") from None
