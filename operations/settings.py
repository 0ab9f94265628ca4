"""What the commands of operations need, in addition to what a worker needs."""

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from hashtide.settings import Days
from producers.settings import ProducerSettings
from stream_jobs.settings import StreamSettings


class OperationsSettings(StreamSettings, frozen=True, kw_only=True):
    """Retention of indices, Kibana and the live page."""

    retention: Annotated[
        bool,
        Meta(description="have the worker with partition 0 do what `hashtide retention` does, once a day"),
    ] = False
    retention_counts_days: Annotated[
        Days | None, Meta(description="how long counts are kept, days; unset: for ever")
    ] = None
    retention_posts_days: Annotated[
        Days | None,
        Meta(
            description="how long the ledger is kept, days; unset: for ever. Older posts are refused once it was "
            "dropped, as nobody knows any more whether they were counted"
        ),
    ] = None
    retention_gaps_days: Annotated[
        Days | None, Meta(description="how long gaps and canaries are kept, days; unset: as long as counts")
    ] = None
    kibana_api_key_file: Annotated[
        Path | None, Meta(description="file with an API key for `setup --kibana`, in its encoded form")
    ] = None
    kibana_user: Annotated[str | None, Meta(description="user of Kibana, for `setup --kibana` without an API key")] = (
        None
    )
    kibana_password_file: Annotated[Path | None, Meta(description="file with the password of that user of Kibana")] = (
        None
    )
    watch_host: Annotated[str, Meta(min_length=1, description="address that the page of watch listens on")] = (
        "127.0.0.1"
    )
    watch_port: Annotated[int, Meta(ge=0, le=65535, description="port of that page; 0: any free one")] = 9465
    watch_names: Annotated[
        str, Meta(description="names that the page goes by, beside its addresses: of a proxy before it, name,name")
    ] = ""


KINDS: Final = (ProducerSettings, OperationsSettings)
"""Between them, every setting that there is."""
