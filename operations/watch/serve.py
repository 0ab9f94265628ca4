"""The page's server: one process, one port; loads nothing from other servers and sends nothing to them."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from elasticsearch import AsyncElasticsearch

from hashtide.elasticsearch.client import Where
from hashtide.errors import HashtideError
from hashtide.extras import require
from operations.watch import queries
from operations.watch.feed import Feed
from operations.watch.hosts import Guard
from operations.watch.model import Selection

if TYPE_CHECKING:
    import uvicorn

END_S = 3


class PageUnready(HashtideError):
    """The page can't be served. The message says what to do."""


def run(
    where: Where, host: str, port: int, names: Sequence[str], first: Selection, announce: Callable[[str], None]
) -> None:
    """Serve the page until SIGTERM or Ctrl-C. Blocks. Raises NotInstalled, PageUnready.

    `names`: host names that requests may use, besides IP addresses. Calls `announce` with the page's address once it
    answers. Port 0: any free one.
    """
    require("watch", ("fastapi", "nicegui", "uvicorn"), "the live page (not `hashtide watch --terminal`)")
    import uvicorn
    from fastapi import FastAPI
    from nicegui import ui

    from operations.watch.page import page

    with closing(_listen(host, port)) as listening:
        elasticsearch = queries.client(where)
        page(Feed(partial(queries.view, elasticsearch)), first)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        ui.run_with(app, title="Hashtide", dark=None, language="en-US", tailwind=False, show_welcome_message=False)
        port = listening.getsockname()[1]
        app.add_middleware(Guard, names=(host, *names))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=END_S,
            )
        )
        with _stopped_by_signals(server):
            asyncio.run(_serve(server, listening, elasticsearch, lambda: announce(_address(host, port))))


async def _serve(
    server: "uvicorn.Server", listening: socket.socket, elasticsearch: AsyncElasticsearch, announce: Callable[[], None]
) -> None:
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.05)
    if server.started:
        announce()
    await serving
    await elasticsearch.close()


@contextmanager
def _stopped_by_signals(server: "uvicorn.Server") -> Iterator[None]:
    """SIGTERM and Ctrl-C stop the server without an error. uvicorn raises them again at its end, with no effect."""

    def end(signum: int, frame: FrameType | None) -> None:
        server.should_exit = True

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PageUnready(
            f"can't listen on {host}:{port} ({error.strerror}): give another --port, or 0 for any free one"
        ) from error
    return listening


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
