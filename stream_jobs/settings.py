"""What the worker and the readers of its results need, on top of what every command needs."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from producers.settings import Common

Days = Annotated[int, Meta(ge=1, le=36_500)]


class StreamSettings(Common, frozen=True, kw_only=True):
    """Elasticsearch, topics, campaigns and the worker."""

    elasticsearch: Annotated[
        str, Meta(pattern=r"^https?://[^\s/@]+/?$", description="Elasticsearch, as a URL; the login goes elsewhere")
    ] = "http://127.0.0.1:9200"
    elasticsearch_api_key_file: Annotated[
        Path | None, Meta(description="file with an API key of Elasticsearch, in its encoded form")
    ] = None
    elasticsearch_user: Annotated[str | None, Meta(description="user of Elasticsearch, where there is no API key")] = (
        None
    )
    elasticsearch_password_file: Annotated[Path | None, Meta(description="file with the password of that user")] = None
    elasticsearch_ca_file: Annotated[
        Path | None,
        Meta(description="file with the certificates (PEM) to trust Elasticsearch by; the system's where unset"),
    ] = None
    elasticsearch_fingerprint: Annotated[
        Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")] | None,
        Meta(description="SHA-256 of Elasticsearch's certificate, in hex, to trust it by in place of a CA"),
    ] = None
    campaigns: Annotated[
        Path | None, Meta(description="TOML file of a campaign, or a folder of them; #MeToo's own where unset")
    ] = None
    repair_hashtags: Annotated[bool, Meta(description="read '# MeToo', as some scrapers write it, as #MeToo")] = False
    store_text: Annotated[
        bool,
        Meta(description="keep the texts of posts in the ledger; else they go no further than enrichment"),
    ] = False
    group: Annotated[str, Meta(min_length=1, description="Kafka consumer group of the workers")] = "hashtide"
    partitions: Annotated[
        int, Meta(ge=1, le=1024, description="partitions of each topic that `hashtide setup` makes")
    ] = 4
    replication: Annotated[
        int, Meta(ge=1, le=9, description="replicas of each topic that `hashtide setup` makes; 3 in production")
    ] = 1
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
    retention_raw_days: Annotated[
        Days, Meta(description="how long `hashtide setup` has posts.raw kept, days: longer than workers may be down")
    ] = 7
    retention_enriched_days: Annotated[Days, Meta(description="the same of posts.enriched, days")] = 7
    retention_dead_days: Annotated[
        Days, Meta(description="the same of posts.dead, days: short, for it keeps what platforms sent")
    ] = 7
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
