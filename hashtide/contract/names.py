"""Names of topics and index families: each is decided here and nowhere else."""

from typing import Final

POSTS_RAW: Final = "posts.raw"
POSTS_ENRICHED: Final = "posts.enriched"
POSTS_DEAD: Final = "posts.dead"

REPLY_VOLUME: Final = "reply-volume"
HASHTAG_VOLUME: Final = "hashtag-volume"
POSTS: Final = "posts"
"""The ledger: one document for each post."""
INGEST_GAPS: Final = "ingest-gaps"
CANARIES: Final = "hashtide-canary"

COUNT_FAMILIES: Final = (REPLY_VOLUME, HASHTAG_VOLUME)
"""Families of daily indices with counts."""
DAILY_FAMILIES: Final = (*COUNT_FAMILIES, POSTS)
"""Every family of daily indices, `FAMILY-2017.10.15`."""

UNKNOWN_REGION: Final = "ZZ"
"""CLDR's code for an unknown region. In counts it is a key like any other, so that sums over regions are complete."""
