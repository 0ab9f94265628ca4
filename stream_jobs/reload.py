"""On SIGHUP, a worker reloads its campaigns between two batches (docs/upgrades.md, "Change the campaigns")."""

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType

from hashtide.errors import HashtideError
from hashtide.metrics import worker as metrics
from stream_jobs.domain.campaign import Campaigns

log = logging.getLogger(__name__)

Use = Callable[[Campaigns], None]


class CampaignReloader:
    """Loads campaigns on request, and passes them to all subscribers. Counted posts do not change: a post's campaigns
    are decided by the enrich step and travel with it."""

    def __init__(self, load: Callable[[], Campaigns]) -> None:
        """`load` reads files, and raises HashtideError or OSError if they are not valid."""
        self._load = load
        self._users: tuple[Use, ...] = ()
        self._signalled_early = False

    def begin(self) -> Campaigns:
        """Load the first campaigns. From here on, a SIGHUP is not lost and does not end the process. Reads files.
        Raises what `load` raises. Call on the main thread."""
        signal.signal(signal.SIGHUP, self._note)
        self._now = self._load()
        metrics.CAMPAIGNS_LOADED.set_to_current_time()
        return self._now

    def subscribe(self, *users: Use) -> None:
        """Pass the campaigns to these after each reload."""
        self._users = users

    async def run(self) -> None:
        """Reload at every SIGHUP, until cancelled. Runs in the main thread's loop."""
        requested = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested.set)
        if self._signalled_early:
            requested.set()
        while True:
            await requested.wait()
            requested.clear()
            await self.once()

    async def once(self) -> None:
        """Load the campaigns. If they are not valid, log the reason and keep the previous ones."""
        try:
            campaigns = await asyncio.to_thread(self._load)
        except (HashtideError, OSError) as error:
            metrics.CAMPAIGNS_NOT_LOADED.inc()
            log.error("campaigns not reloaded, the previous ones stay in use: %s", error)
            return
        # The enrich step never awaits within a batch, so each batch is tagged with one set of campaigns.
        for use in self._users:
            use(campaigns)
        metrics.CAMPAIGNS_LOADED.set_to_current_time()
        log.info("campaigns reloaded: %s", changes(self._now, campaigns))
        self._now = campaigns

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signalled_early = True


def changes(before: Campaigns, after: Campaigns) -> str:
    """The difference between two sets of campaigns, as text for the log."""
    old = {campaign.name: campaign for campaign in before.all}
    new = {campaign.name: campaign for campaign in after.all}
    kinds = {
        "new": new.keys() - old.keys(),
        "changed": {name for name in new.keys() & old.keys() if new[name] != old[name]},
        "removed": old.keys() - new.keys(),
    }
    return "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names) or "no changes"
