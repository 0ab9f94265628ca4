"""Posts that platforms say they held back."""

from hashtide.contract.messages import Gap


class Losses:
    """Makes gaps of loss notices. X counts up from the start of a connection ("limit" notices)."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._newest_ms: dict[str, int] = {}
        self._since_ms: dict[str, int] = {}

    def saw(self, source: str, created_at_ms: int) -> None:
        """Note a post: the newest one's time is when a notice was given, in a stream and in a file of one alike."""
        if created_at_ms > self._newest_ms.get(source, 0):
            self._newest_ms[source] = created_at_ms
        self._since_ms.setdefault(source, created_at_ms)

    def gap_for(self, source: str, total: int, now_ms: int) -> Gap | None:
        """The gap that a notice of `total` posts tells of: since the notice before it, or since the first post.

        None where the total has not grown. A total below the last one is another connection's.
        """
        before = self._told.get(source, 0)
        self._told[source] = total
        to_ms = self._newest_ms.get(source, now_ms)
        from_ms = min(self._since_ms.get(source, to_ms), to_ms)
        self._since_ms[source] = to_ms
        lost = total - before if total >= before else total
        if lost == 0:
            return None
        return Gap(source=source, from_ms=from_ms, to_ms=to_ms, reason="limited", estimated_posts=lost)
