"""How letters are chosen, read and shown: what the commands of `hashtide dlq` share."""

import functools
import logging
import os
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, get_args

import click

from hashtide.contract.reasons import Reason
from hashtide.errors import HashtideError
from hashtide.kafka import topics
from hashtide.settings import load
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

NOT_KEPT: Final = "its bytes were not kept (HASHTIDE_DEAD_LETTER_PAYLOADS=false): send its source once more"


class NotKept(HashtideError):
    """The bytes of a dead letter are asked for, and were never kept."""


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options by which letters are chosen; the command gets them as one Filter."""

    @click.argument("ids", metavar="[ID...]", nargs=-1)
    @click.option(
        "--reason",
        "reasons",
        type=click.Choice(get_args(Reason)),
        multiple=True,
        metavar="REASON",
        help="Why; repeatable.",
    )
    @click.option("--source", default="", metavar="PREFIX", help="How the source begins: file:, posts.raw.")
    @click.option("--from", "from_", type=Moment(), help="Buried from here, ISO 8601.")
    @click.option("--to", type=Moment(), help="Buried before this.")
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


every = click.option("--all", "all_", is_flag=True, help="Every letter; needed where nothing else chooses.")
dry = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


def ready_settings() -> ProducerSettings:
    """The settings. Raises WrongSetting, and TopicsUnready where Kafka has no topics of ours."""
    settings = load(ProducerSettings, os.environ)
    topics.check(settings)
    return settings


def require_choice(chosen: LetterFilter, all_: bool) -> None:
    if chosen == EVERYTHING and not all_:
        raise click.UsageError("name letters by their ids or by a filter, or say --all")


def read_index(topic: DeadTopic) -> LetterIndex:
    with progress("reading posts.dead") as show:
        index = topic.index(show)
    if index.unreadable:
        log.warning("%s records of posts.dead are no dead letters of this version: passed over", index.unreadable)
    return index


def with_progress(items: Iterable[Item], total: int) -> Generator[Item, None, None]:
    """The items, with progress on stderr."""
    with progress("letters") as show:
        for number, item in enumerate(items, 1):
            yield item
            show(number, total)


def to_the_second(moment_ms: int) -> str:
    """To the second, ISO 8601, UTC."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def as_ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
