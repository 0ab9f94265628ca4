"""Settings of the operations commands, in addition to the worker's."""

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
        Meta(description="run retention once a day, in the worker with partition 0"),
    ] = False
    retention_counts_days: Annotated[Days | None, Meta(description="how long to keep counts, days; unset: forever")] = (
        None
    )
    retention_posts_days: Annotated[
        Days | None,
        Meta(
            description="how long to keep the ledger, days; unset: forever. Afterwards older posts are refused: "
            "nobody knows whether they were counted"
        ),
    ] = None
    retention_gaps_days: Annotated[
        Days | None, Meta(description="how long to keep gaps and canaries, days; unset: as long as counts")
    ] = None
    kibana_api_key_file: Annotated[
        Path | None, Meta(description="file with an encoded API key for `setup --kibana`")
    ] = None
    kibana_user: Annotated[str | None, Meta(description="Kibana user, for `setup --kibana` without an API key")] = None
    kibana_password_file: Annotated[Path | None, Meta(description="file with the Kibana user's password")] = None
    watch_host: Annotated[str, Meta(min_length=1, description="address on which the page of watch listens")] = (
        "127.0.0.1"
    )
    watch_port: Annotated[int, Meta(ge=0, le=65535, description="port of the page of watch; 0: any free one")] = 9465
    watch_names: Annotated[
        str, Meta(description="more host names of the page of watch, such as a proxy's: name,name")
    ] = ""


KINDS: Final = (ProducerSettings, OperationsSettings)
"""Together they have all settings."""
