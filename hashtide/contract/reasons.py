"""Why a payload or a message cannot become a post."""

from typing import Literal

Reason = Literal[
    "not-json",
    "not-a-post",
    "no-id",
    "no-time",
    "no-text",
    "in-the-future",
    "before-2006",
    "too-old",
    "too-large",
    "wrong-type",
    "unsupported-format",
    "private",
    "undecodable",
    "refused-by-elasticsearch",
    "older-than-retention",
]
"""Why a payload or message became a dead letter. A closed set: it is a metric label."""


class InvalidPost(ValueError):
    """A payload or message that cannot become a post. `detail` is for people and quotes no post."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
