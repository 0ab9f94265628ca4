"""Worker settings, in addition to the pipeline's settings."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from hashtide.settings import PipelineSettings


class StreamSettings(PipelineSettings, frozen=True, kw_only=True):
    """Settings of campaigns and of the worker."""

    campaigns: Annotated[
        Path | None, Meta(description="TOML file of a campaign, or a folder of them; unset: packaged #MeToo")
    ] = None
    repair_hashtags: Annotated[bool, Meta(description="read '# MeToo', as some scrapers write it, as #MeToo")] = False
    store_text: Annotated[
        bool,
        Meta(description="store the texts of posts in the ledger; otherwise enrichment drops them"),
    ] = False
    fetch_bytes: Annotated[
        int, Meta(ge=1024, le=64 << 20, description="approximate size of a batch of one partition, uncompressed, bytes")
    ] = 1 << 20
    bulk_bytes: Annotated[
        int, Meta(ge=1024, le=90 << 20, description="largest bulk request to Elasticsearch, bytes")
    ] = 4 << 20
    cached_counts: Annotated[
        int,
        Meta(ge=1000, le=10_000_000, description="count documents cached in memory by a worker with all partitions"),
    ] = 60_000
    grace_s: Annotated[
        int,
        Meta(ge=0, le=7 * 86_400, description="allowed lateness: how late posts may come before counts are final, s"),
    ] = 900
    canary: Annotated[
        bool,
        Meta(description="send a test message a minute from each worker through the whole pipeline; it is not counted"),
    ] = False
    metric_platforms: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_-]{1,32}(,[a-z0-9_-]{1,32})*$",
            description="platforms with their own metrics label, a,b,c; others are `other`",
        ),
    ] = "x,mastodon,bluesky"
    metric_languages: Annotated[
        str,
        Meta(
            pattern=r"^[a-z]{2,3}(,[a-z]{2,3})*$",
            description="languages with their own label in campaign metrics, ISO 639-1; others are `other`",
        ),
    ] = "ar,bn,cs,da,de,el,en,es,fa,fi,fr,he,hi,hu,id,it,ja,ko,nb,nl,pl,pt,ro,ru,sv,th,tl,tr,uk,ur,vi,zh"
    metric_regions: Annotated[
        str,
        Meta(
            pattern=r"^[A-Z]{2}(,[A-Z]{2})*$",
            description="countries with their own label in campaign metrics, ISO 3166-1 alpha-2; others are `other`",
        ),
    ] = (
        "AR,AT,AU,BE,BR,CA,CH,CL,CN,CO,DE,DK,EG,ES,FI,FR,GB,GR,ID,IE,IL,IN,IT,JP,KR,MX,NG,NL,NO,PE,PH,PK,PL,PT,RU,SA,"
        "SE,TH,TR,UA,US,ZA"
    )
    metrics_host: Annotated[str, Meta(description="address that /metrics listens on")] = "127.0.0.1"
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        Meta(description="port of /metrics; 0: none. Unset: 9464, or a free port if that is in use"),
    ] = None
