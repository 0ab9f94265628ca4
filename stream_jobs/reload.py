"""SIGHUP has a worker load its campaigns anew, between two batches (docs/upgrades.md, "Change the campaigns")."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence

from producers.errors import HashtideError
from stream_jobs import metrics
from stream_jobs.domain.campaign import Campaigns

log = logging.getLogger(__name__)


class Reload:
    """Loads campaigns when it is asked to, and hands them to all that use them. A post's campaigns travel with it from
    the enrich step on, so nothing that is counted changes."""

    def __init__(
        self, now: Campaigns, load: Callable[[], Campaigns], users: Sequence[Callable[[Campaigns], None]]
    ) -> None:
        """`load` reads files, and raises HashtideError or OSError where they can't be used."""
        self._now, self._load, self._users = now, load, users
        metrics.CAMPAIGNS_LOADED.set_to_current_time()

    async def run(self) -> None:
        """Do it at every SIGHUP, until cancelled. On the main thread, in its loop."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came while the worker started comes now
        while True:
            await asked.wait()
            asked.clear()
            await self.once()

    async def once(self) -> None:
        """Load the campaigns; where they can't be used, say why, and leave everything as it is."""
        try:
            campaigns = await asyncio.to_thread(self._load)
        except (HashtideError, OSError) as error:
            metrics.CAMPAIGNS_NOT_LOADED.inc()
            log.error("the campaigns are not loaded anew, those from before stay: %s", error)
            return
        # The enrich step awaits nothing within a batch, so no batch is tagged half by these and half by those.
        for use in self._users:
            use(campaigns)
        metrics.CAMPAIGNS_LOADED.set_to_current_time()
        log.info("the campaigns are loaded anew: %s", changes(self._now, campaigns))
        self._now = campaigns


def changes(before: Campaigns, after: Campaigns) -> str:
    """What is another than before, for people."""
    old = {campaign.name: campaign for campaign in before.all}
    new = {campaign.name: campaign for campaign in after.all}
    kinds = {
        "new": new.keys() - old.keys(),
        "changed": {name for name in new.keys() & old.keys() if new[name] != old[name]},
        "gone": old.keys() - new.keys(),
    }
    return "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names) or "nothing new"
