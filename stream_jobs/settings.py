"""What a worker needs, in addition to what the pipeline needs."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from hashtide.settings import PipelineSettings


class StreamSettings(PipelineSettings, frozen=True, kw_only=True):
    """Campaigns and the worker."""

    campaigns: Annotated[
        Path | None, Meta(description="TOML file of a campaign, or a folder of them; #MeToo's own where unset")
    ] = None
    repair_hashtags: Annotated[bool, Meta(description="read '# MeToo', as some scrapers write it, as #MeToo")] = False
    store_text: Annotated[
        bool,
        Meta(description="keep the texts of posts in the ledger; else they go no further than enrichment"),
    ] = False
    fetch_bytes: Annotated[
        int, Meta(ge=1024, le=64 << 20, description="about how large a batch of one partition is, unpacked, bytes")
    ] = 1 << 20
    bulk_bytes: Annotated[
        int, Meta(ge=1024, le=90 << 20, description="largest bulk request to Elasticsearch, bytes")
    ] = 4 << 20
    cached_counts: Annotated[
        int,
        Meta(ge=1000, le=10_000_000, description="count documents that a worker with all partitions keeps in memory"),
    ] = 60_000
    grace_s: Annotated[
        int, Meta(ge=0, le=7 * 86_400, description="how late posts may come before their minute's counts are final, s")
    ] = 900
    canary: Annotated[
        bool,
        Meta(description="have each worker send a message a minute that must come through, and is counted nowhere"),
    ] = False
    metric_platforms: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_-]{1,32}(,[a-z0-9_-]{1,32})*$",
            description="platforms that metrics name, a,b,c; the rest is `other`",
        ),
    ] = "x,mastodon,bluesky"
    metric_languages: Annotated[
        str,
        Meta(
            pattern=r"^[a-z]{2,3}(,[a-z]{2,3})*$",
            description="languages that metrics of campaigns name, ISO 639-1; the rest is `other`",
        ),
    ] = "ar,bn,cs,da,de,el,en,es,fa,fi,fr,he,hi,hu,id,it,ja,ko,nb,nl,pl,pt,ro,ru,sv,th,tl,tr,uk,ur,vi,zh"
    metric_regions: Annotated[
        str,
        Meta(
            pattern=r"^[A-Z]{2}(,[A-Z]{2})*$",
            description="countries that metrics of campaigns name, ISO 3166-1 alpha-2; the rest is `other`",
        ),
    ] = (
        "AR,AT,AU,BE,BR,CA,CH,CL,CN,CO,DE,DK,EG,ES,FI,FR,GB,GR,ID,IE,IL,IN,IT,JP,KR,MX,NG,NL,NO,PE,PH,PK,PL,PT,RU,SA,"
        "SE,TH,TR,UA,US,ZA"
    )
    metrics_host: Annotated[str, Meta(description="address that /metrics listens on")] = "127.0.0.1"
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        Meta(description="port of /metrics; 0: none. Unset: 9464, or a free one where that is taken"),
    ] = None
