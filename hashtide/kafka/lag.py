"""Lag: how many records of a partition are there and not handled yet. Pure."""


def lag(beginning: int, end: int, committed: int | None) -> int:
    """Records of a partition that its reader has not handled.

    `beginning`: the first offset that the partition still has. `end`: the offset that its next record gets.
    `committed`: the offset from which the reader goes on; None: it never committed, and reads from the beginning.

    What retention removed cannot be handled any more, and does not count. A commit past the end belongs to an earlier
    incarnation of the topic; there is nothing that its reader would handle.
    """
    return max(0, end - max(beginning, committed or 0))
