"""Progress on stderr: a bar on a terminal, otherwise a line for each quarter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that adds the bytes received since its last call. It may be called from any thread."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with plain_lines(title, total, console.print) as advance:
            yield advance
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda chunk: progress.advance(task, chunk)


@contextmanager
def plain_lines(title: str, total: int, write: Callable[[str], None]) -> Iterator[Callable[[int], None]]:
    """Like `progress_bar`, with a line at the start and at each quarter of the total."""
    lock, received, quarter = Lock(), 0, 0
    write(f"{title}: 0.0 of {total / 1e6:.1f} MB")

    def advance(chunk: int) -> None:
        nonlocal received, quarter
        with lock:
            received += chunk
            if total and received * 4 // total > quarter:
                quarter = received * 4 // total
                write(f"{title}: {received / 1e6:.1f} of {total / 1e6:.1f} MB")

    yield advance
