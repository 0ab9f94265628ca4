"""Names of topics and index families, defined only here."""

from typing import Final

POSTS_RAW: Final = "posts.raw"
POSTS_ENRICHED: Final = "posts.enriched"
POSTS_DEAD: Final = "posts.dead"

REPLY_VOLUME: Final = "reply-volume"
HASHTAG_VOLUME: Final = "hashtag-volume"
POSTS: Final = "posts"
"""The ledger: one document per post."""
INGEST_GAPS: Final = "ingest-gaps"
CANARIES: Final = "hashtide-canary"

COUNT_FAMILIES: Final = (REPLY_VOLUME, HASHTAG_VOLUME)
"""Families of daily indices that hold counts."""
DAILY_FAMILIES: Final = (*COUNT_FAMILIES, POSTS)
"""Every family of daily indices, `FAMILY-2017.10.15`."""

UNKNOWN_REGION: Final = "ZZ"
"""CLDR's code for an unknown region. Counts use it as a normal key, so that sums over regions are complete."""
