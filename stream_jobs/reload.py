"""SIGHUP has a worker load its campaigns anew, between two batches (docs/upgrades.md, "Change the campaigns")."""

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
    """Loads campaigns when it is asked to, and hands them to all that use them. A post's campaigns travel with it from
    the enrich step on, so nothing that is counted changes."""

    def __init__(self, load: Callable[[], Campaigns]) -> None:
        """`load` reads files, and raises HashtideError or OSError where they can't be used."""
        self._load = load
        self._users: tuple[Use, ...] = ()
        self._early = False

    def begin(self) -> Campaigns:
        """The campaigns for the start. From here on no SIGHUP is lost, nor does it end the process. Reads files; raises
        what `load` does. On the main thread."""
        signal.signal(signal.SIGHUP, self._note)
        self._now = self._load()
        metrics.CAMPAIGNS_LOADED.set_to_current_time()
        return self._now

    def subscribe(self, *users: Use) -> None:
        """Hand the campaigns to these whenever they are loaded anew."""
        self._users = users

    async def run(self) -> None:
        """Load them anew at every SIGHUP, until cancelled. On the main thread, in its loop."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        if self._early:
            asked.set()
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

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._early = True


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
