"""What the producers need, in addition to what every command needs."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from hashtide.settings import Common


class ProducerSettings(Common, frozen=True, kw_only=True):
    """What the producers need."""

    linger_ms: Annotated[int, Meta(ge=0, le=10_000, description="how long a batch waits for more posts, ms")] = 50
    batch_bytes: Annotated[int, Meta(ge=1024, le=1 << 20, description="largest batch for one partition, bytes")] = (
        256 * 1024
    )
    buffer_posts: Annotated[
        int, Meta(ge=1, le=1_000_000, description="posts sent and not yet acknowledged before reading pauses")
    ] = 20_000
    live_days: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="days that a post of a live platform may be dated back: authors can write any date, and each "
            "day takes three indices. Files may be of any time",
        ),
    ] = 30
    metrics_host: Annotated[str, Meta(description="address that /metrics listens on")] = "127.0.0.1"
    x_api: Annotated[str, Meta(pattern=r"^https?://[^\s/]+/?$", description="X's API, as a URL")] = "https://api.x.com"
    x_bearer_token: Annotated[
        str | None, Meta(description="bearer token of an app at X, for `produce x`; better kept in a file")
    ] = None
    x_bearer_token_file: Annotated[Path | None, Meta(description="file with the bearer token of an app at X")] = None
    x_rule_chars: Annotated[
        int, Meta(ge=64, le=2048, description="longest rule of X's filtered stream: 512 or 1024, by access level")
    ] = 512
    mastodon_tokens_file: Annotated[
        Path | None, Meta(description="file with a line `HOST TOKEN` for each Mastodon instance that wants one")
    ] = None
