"""Select, read and show letters: shared by the commands of `hashtide dlq`."""

import functools
import logging
import os
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar, get_args

import click

from hashtide.contract.names import POSTS_RAW
from hashtide.contract.reasons import Reason
from hashtide.errors import HashtideError
from hashtide.kafka import topics
from hashtide.settings import PipelineSettings, load
from operations.dlq.index import (
    EVERYTHING,
    LetterFilter,
    LetterIndex,
)
from operations.dlq.topic import DeadTopic
from operations.terminal import Moment, progress
from producers.settings import ProducerSettings

log = logging.getLogger(__name__)

Item = TypeVar("Item")

NOT_KEPT: Final = "its bytes were not kept (HASHTIDE_DEAD_LETTER_PAYLOADS=false): send its source again"
NO_LONGER_KEPT: Final = "posts.raw no longer has its record (HASHTIDE_RETENTION_RAW_DAYS): send its source again"


class NotKept(HashtideError):
    """The payload of this dead letter was never kept."""


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that select letters; the command gets them as one LetterFilter."""

    @click.argument("ids", metavar="[ID...]", nargs=-1)
    @click.option(
        "--reason",
        "reasons",
        type=click.Choice(get_args(Reason)),
        multiple=True,
        metavar="REASON",
        help="Only this reason; repeatable.",
    )
    @click.option("--source", default="", metavar="PREFIX", help="Only sources with this prefix: file:, posts.raw.")
    @click.option("--from", "from_", type=Moment(), help="Only letters from this time on, ISO 8601.")
    @click.option("--to", type=Moment(), help="Only letters before this time.")
    @functools.wraps(command)
    def filtered(
        ids: tuple[str, ...],
        reasons: tuple[str, ...],
        source: str,
        from_: datetime | None,
        to: datetime | None,
        **options: Any,
    ) -> None:
        chosen = LetterFilter(ids=ids, reasons=reasons, source=source, from_ms=as_ms(from_), to_ms=as_ms(to))
        command(chosen, **options)

    return filtered


all_option = click.option("--all", "all_", is_flag=True, help="All letters; required without ids or filters.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only print what would be done.")


class Ready(NamedTuple):
    """The settings, and the topic posts.raw."""

    producer: ProducerSettings
    pipeline: PipelineSettings
    raw: topics.TopicInfo


def ready() -> Ready:
    """Read the settings and the topics. Raises WrongSetting; TopicsUnready if Kafka does not have our topics."""
    pipeline = load(PipelineSettings, os.environ)
    return Ready(load(ProducerSettings, os.environ), pipeline, topics.check(pipeline)[POSTS_RAW])


def require_choice(chosen: LetterFilter, all_: bool) -> None:
    if chosen == EVERYTHING and not all_:
        raise click.UsageError("give ids, a filter or --all")


def read_index(topic: DeadTopic) -> LetterIndex:
    with progress("reading posts.dead") as show:
        index = topic.index(show)
    if index.unreadable:
        log.warning("%s records of posts.dead are not dead letters of this version: skipped", index.unreadable)
    return index


def with_progress(items: Iterable[Item], total: int) -> Generator[Item, None, None]:
    """The items, with progress on stderr."""
    with progress("letters") as show:
        for number, item in enumerate(items, 1):
            yield item
            show(number, total)


def to_the_second(moment_ms: int) -> str:
    """ISO 8601, UTC, in whole seconds."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def as_ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
