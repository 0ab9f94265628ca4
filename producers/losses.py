"""Posts that a platform reports as held back."""

from hashtide.contract.messages import Gap


class Losses:
    """Turns loss notices into gaps. X's "limit" notices count up from the start of a connection."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._newest_ms: dict[str, int] = {}
        self._since_ms: dict[str, int] = {}

    def saw(self, source: str, created_at_ms: int) -> None:
        """Record a post: the newest post's time dates the next notice, in a stream and in a recorded file alike."""
        if created_at_ms > self._newest_ms.get(source, 0):
            self._newest_ms[source] = created_at_ms
        self._since_ms.setdefault(source, created_at_ms)

    def gap_for(self, source: str, total: int, now_ms: int) -> Gap | None:
        """The gap for a notice of `total` posts: since the previous notice, or since the first post.

        None if the total has not grown. A total below the previous one starts a new connection.
        """
        before = self._totals.get(source, 0)
        self._totals[source] = total
        to_ms = self._newest_ms.get(source, now_ms)
        from_ms = min(self._since_ms.get(source, to_ms), to_ms)
        self._since_ms[source] = to_ms
        lost = total - before if total >= before else total
        if lost == 0:
            return None
        return Gap(source=source, from_ms=from_ms, to_ms=to_ms, reason="limited", estimated_posts=lost)
