"""Settings of the producers, in addition to those of every command."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from hashtide.settings import Common


class ProducerSettings(Common, frozen=True, kw_only=True):
    """Settings of the producers."""

    linger_ms: Annotated[int, Meta(ge=0, le=10_000, description="how long a batch waits for more posts, ms")] = 50
    batch_bytes: Annotated[int, Meta(ge=1024, le=1 << 20, description="largest batch for one partition, bytes")] = (
        256 * 1024
    )
    buffer_posts: Annotated[
        int, Meta(ge=1, le=1_000_000, description="unacknowledged posts at which reading pauses")
    ] = 20_000
    live_days: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="maximum age of a post from a live platform, days: authors can write any date, and each day "
            "takes three indices. Files have no limit",
        ),
    ] = 30
    metrics_host: Annotated[str, Meta(description="address that /metrics listens on")] = "127.0.0.1"
    x_api: Annotated[str, Meta(pattern=r"^https?://[^\s/]+/?$", description="URL of X's API")] = "https://api.x.com"
    x_bearer_token: Annotated[
        str | None, Meta(description="bearer token of an X app, for `produce x`; prefer the file")
    ] = None
    x_bearer_token_file: Annotated[Path | None, Meta(description="file with the bearer token of an X app")] = None
    x_rule_chars: Annotated[
        int, Meta(ge=64, le=2048, description="longest rule of X's filtered stream: 512 or 1024, by access level")
    ] = 512
    mastodon_tokens_file: Annotated[
        Path | None, Meta(description="file with a line `HOST TOKEN` for each Mastodon instance that requires one")
    ] = None
