"""The whole way of a payload in one process, from bytes to documents, with nothing real behind it."""

from typing import Any, Final, get_args

from hashtide.contract.dead_letters import DeadLetter, decode_dead_letter
from hashtide.contract.messages import encode, key
from hashtide.contract.reasons import Reason
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.intake import Intake, IntakeAccount, IntakeRules
from producers.sources.received import Received
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.enriched import EnrichedPost
from stream_jobs.loading import load_enricher
from tests.fakes.kafka import batch
from tests.unit.producers.sources.fakes import Collecting
from tests.unit.stream_jobs.agents.counting import Counting

NOW_MS: Final = 1_785_585_600_000  # 2026-08-01T12:00:00Z
NAMES: Final = Pseudonyms(Keys(bytes(range(32))))
ENRICHER: Final = load_enricher(
    Campaigns([Campaign(name="lanterns", roots=("x:100",), tags=("LightALantern",), phrases=("me too",))])
)
REASONS: Final = frozenset(get_args(Reason))


class Way:
    """Payloads in; what came out in the end. Every step that raises, raises."""

    def __init__(self, format: str = formats.AUTO) -> None:
        self.kafka = Collecting()
        self.intake = Intake(
            self.kafka,
            lambda received: formats.parse(received.payload, format),
            IntakeAccount(),
            IntakeRules(origin="live", names=NAMES, clock_ms=lambda: NOW_MS),
        )
        self.counting = Counting()
        self.enrich = EnrichAgent(ENRICHER, topic_id="raw", clock_ms=lambda: NOW_MS)

    async def take(self, *payloads: bytes) -> None:
        for number, payload in enumerate(payloads):
            self.intake.accept(Received("file:hostile", f"line {number}", payload))
        await self.read(*(encode(message) for message in self.kafka.sent))

    async def read(self, *raw: bytes | None) -> EnrichedBatch:
        """Have the worker enrich and count these records of posts.raw."""
        read = self.enrich.enrich(batch("posts.raw", 0, 0, raw))
        await self.counting.agent.handle(read)
        return read

    async def count(self, *enriched: EnrichedPost) -> None:
        """Have the worker count these, as if it had enriched them."""
        await self.counting.handle(0, *enriched)

    @property
    def letters(self) -> list[DeadLetter]:
        """All dead letters, wherever they were written."""
        return self.kafka.dead + self.counting.dead.letters

    def check(self) -> None:
        """Whatever it was became what it may become, and can be sent."""
        account = self.intake.account
        assert account.sent == len(self.kafka.sent) - account.gaps
        assert bool(account.dead) == bool(self.kafka.dead)
        for message in self.kafka.sent:
            assert len(key(message)) <= 3_000
        for letter in self.letters:
            assert letter.reason in REASONS
            assert decode_dead_letter(encode(letter)) == letter
            assert len(letter.detail) < 1_000

    def documents(self, *families: str) -> list[dict[str, Any]]:
        return self.counting.sources(*families)
