"""Lag: how many records of a partition are not handled yet. Pure."""


def lag(beginning: int, end: int, committed: int | None) -> int:
    """Records of a partition that its reader has not handled.

    `beginning`: the first offset that the partition still has. `end`: the offset of its next record.
    `committed`: the offset where the reader continues; None: it never committed, and reads from the beginning.

    Records that retention removed do not count. A commit past the end belongs to an earlier incarnation of the topic:
    the lag is 0.
    """
    return max(0, end - max(beginning, committed or 0))
