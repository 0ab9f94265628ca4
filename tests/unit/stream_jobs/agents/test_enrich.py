from collections.abc import Sequence

import pytest

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Gap, Post, PostDelete, PostEdit, encode
from hashtide.identity import Keys, Pseudonyms
from stream_jobs import enriched
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.domain.enrich import Enricher
from stream_jobs.enriched import DeletedPost, EnrichedPost, Position
from stream_jobs.loading import load_enricher
from stream_jobs.transport.batch import Batch
from tests.fakes.kafka import Graveyard, Sent, batch, record
from tests.unit.stream_jobs.agents.counting import metric

RAW_ID = "h3sDqVYlRZmYcGm1mUu0Qw"
ROOT = Campaign(name="lanterns", roots=("x:100",), tags=("LightALantern",), phrases=("me too",))
OTHER = Campaign(name="harbour", tags=("OpenTheHarbour",))


class Enriching:
    """An enrich agent with two campaigns, and the other end of what it sends."""

    def __init__(self, enricher: Enricher) -> None:
        self.sent, self.dead = Sent(), Graveyard()
        self.agent = EnrichAgent(enricher, self.sent, self.dead, topic_id=RAW_ID, clock_ms=lambda: 1_508_162_400_000)

    async def handle(self, first: int, *values: bytes | None, partition: int = 0) -> None:
        await self.agent.handle(batch("posts.raw", partition, first, values))

    @property
    def messages(self) -> list[enriched.Enriched]:
        return [enriched.decode(value) for *_, value in self.sent.records]


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return load_enricher(Campaigns([ROOT, OTHER]))


@pytest.fixture
def enriching(enricher: Enricher) -> Enriching:
    return Enriching(enricher)


def raw(post_id: str, text: str, **changes: object) -> bytes:
    post = {"platform": "x", "post_id": post_id, "created_at_ms": 1_508_097_630_000, "text": text} | changes
    return encode(Post(**post))  # type: ignore[arg-type]


async def test_a_post_goes_on_with_its_tags_and_without_its_text(enriching: Enriching) -> None:
    await enriching.handle(
        41,
        raw(
            "101",
            "Me too, since the day at the mill #LightALantern",
            in_reply_to="100",
            lang="en",
            place_country="fr",
            author="5d41402a",
            location="the old mill",
            origin="replay",
            source="file",
        ),
        partition=3,
    )
    (message,) = enriching.messages
    assert isinstance(message, EnrichedPost)
    assert message.region_confidence > 0.5
    assert enriching.messages == [
        EnrichedPost(
            platform="x",
            post_id="101",
            created_at_ms=1_508_097_630_000,
            kind="reply",
            in_reply_to="100",
            answers_root=True,
            hashtags=("lightalantern",),
            campaigns=("lanterns",),
            why={"lanterns": ("tag", "root-reply", "phrase")},
            language="en",
            language_source="platform",
            language_confidence=1.0,
            region="FR",
            region_source="place",
            region_confidence=message.region_confidence,
            author="5d41402a",
            origin="replay",
            raw=Position(RAW_ID, 3, 41),
        )
    ]
    assert b"mill" not in enriching.sent.records[0][3]
    assert enriching.dead.letters == []


async def test_a_message_keeps_its_partition_its_key_and_its_place_in_the_order(enriching: Enriching) -> None:
    records = [
        record("posts.raw", 2, 10 + i, raw(post_id, "so it is"), key=f"x:{post_id}".encode())
        for i, post_id in enumerate(("5", "3", "9"))
    ]
    await enriching.agent.handle(Batch("posts.raw", 2, 1, records))
    assert [to for *to, _ in enriching.sent.records] == [
        ["posts.enriched", 2, b"x:5"],
        ["posts.enriched", 2, b"x:3"],
        ["posts.enriched", 2, b"x:9"],
    ]
    assert [m.post_id for m in enriching.messages if isinstance(m, EnrichedPost)] == ["5", "3", "9"]
    assert [m.raw for m in enriching.messages if isinstance(m, EnrichedPost)] == [
        Position(RAW_ID, 2, 10),
        Position(RAW_ID, 2, 11),
        Position(RAW_ID, 2, 12),
    ]


async def test_a_batch_again_sends_the_same_messages_again(enriching: Enriching) -> None:
    values = [raw("1", "#LightALantern"), raw("2", "so it is")]
    await enriching.handle(4, *values)
    await enriching.handle(4, *values)
    assert len(enriching.sent.records) == 4
    assert enriching.sent.records[:2] == enriching.sent.records[2:]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "original"),
        ({"quoted": "7"}, "quote"),
        ({"in_reply_to": "7"}, "reply"),
        ({"in_reply_to": "7", "quoted": "8"}, "reply"),
        ({"reposted": "7"}, "repost"),
        ({"reposted": "7", "in_reply_to": "8", "quoted": "9"}, "repost"),
    ],
)
async def test_a_post_has_one_kind(enriching: Enriching, changes: dict[str, str], kind: str) -> None:
    await enriching.handle(0, raw("1", "so it is", **changes))
    (message,) = enriching.messages
    assert isinstance(message, EnrichedPost)
    assert message.kind == kind


async def test_a_post_of_two_campaigns_names_both_and_one_of_none_names_none(enriching: Enriching) -> None:
    await enriching.handle(0, raw("1", "#OpenTheHarbour #LightALantern"), raw("2", "a fine day"))
    assert [m.campaigns for m in enriching.messages if isinstance(m, EnrichedPost)] == [("harbour", "lanterns"), ()]


async def test_an_edit_goes_on_as_its_new_version_with_its_time(enriching: Enriching) -> None:
    version = Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="#OpenTheHarbour", lang="en")
    await enriching.handle(8, encode(PostEdit(post=version, edited_at_ms=1_508_097_700_000)))
    assert enriching.messages == [
        EnrichedPost(
            platform="x",
            post_id="1",
            created_at_ms=1_508_097_630_000,
            kind="original",
            hashtags=("opentheharbour",),
            campaigns=("harbour",),
            why={"harbour": ("tag",)},
            language="en",
            language_source="platform",
            language_confidence=1.0,
            region=None,
            region_source=None,
            region_confidence=0.0,
            edited_at_ms=1_508_097_700_000,
            raw=Position(RAW_ID, 0, 8),
        )
    ]


async def test_deletions_and_gaps_go_on_in_their_place(enriching: Enriching) -> None:
    gap = Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled")
    await enriching.handle(
        0,
        raw("1", "so it is"),
        encode(PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000)),
        encode(gap),
    )
    assert enriching.messages[1:] == [
        DeletedPost(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000, raw=Position(RAW_ID, 0, 1)),
        gap,
    ]


@pytest.mark.parametrize(
    "value",
    [b"", None, b"{", b"\x00\x01", b"null", b'{"type":"post"}', b'{"type":"stranger"}', raw("1", "x")[:-1]],
)
async def test_a_message_that_is_none_is_a_dead_letter_and_all_around_it_goes_on(
    enriching: Enriching, value: bytes | None
) -> None:
    letters = metric("hashtide_dead_letters_total", reason="undecodable")
    await enriching.handle(20, raw("1", "so it is"), value, raw("2", "so it was"), partition=1)
    assert [m.post_id for m in enriching.messages if isinstance(m, EnrichedPost)] == ["1", "2"]
    (letter,) = enriching.dead.letters
    assert letter.detail
    assert letter == DeadLetter(
        reason="undecodable",
        detail=letter.detail,
        source="posts.raw",
        position=f"{RAW_ID}:1:21",
        payload=value or b"",
        at_ms=1_508_162_400_000,
    )
    assert metric("hashtide_dead_letters_total", reason="undecodable") - letters == 1


async def test_nothing_is_sent_for_a_batch_without_a_message(enricher: Enricher) -> None:
    calls = []

    async def send(topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        calls.append(topic)

    dead = Graveyard()
    agent = EnrichAgent(enricher, send, dead, topic_id=RAW_ID, clock_ms=lambda: 0)
    await agent.handle(batch("posts.raw", 0, 0, [b"no", b"none"]))
    assert calls == []
    assert [letter.position for letter in dead.letters] == [f"{RAW_ID}:0:0", f"{RAW_ID}:0:1"]


async def test_what_is_not_sent_is_raised_and_nothing_is_told_as_done(enricher: Enricher) -> None:
    async def fail(topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        raise ConnectionError

    done = metric("hashtide_enriched_posts_total")
    agent = EnrichAgent(enricher, fail, Graveyard(), topic_id=RAW_ID, clock_ms=lambda: 0)
    with pytest.raises(ConnectionError):
        await agent.handle(batch("posts.raw", 0, 0, [raw("1", "so it is")]))
    assert metric("hashtide_enriched_posts_total") == done


async def test_the_text_goes_along_where_texts_are_stored() -> None:
    enriching = Enriching(load_enricher(Campaigns([ROOT]), store_text=True))
    await enriching.handle(0, raw("1", "so it is"))
    edit = PostEdit(post=Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="so"), edited_at_ms=2)
    await enriching.handle(1, encode(edit))
    assert [message.text for message in enriching.messages if isinstance(message, EnrichedPost)] == ["so it is", "so"]


async def test_a_root_is_met_under_its_address_and_under_what_intake_calls_it() -> None:
    names = Pseudonyms(Keys(b"0123456789abcdef0123456789abcdef"))
    root = "at://did:plc:ines0000000000000000000/app.bsky.feed.post/3mptbyoeyc22k"
    lanterns = Campaign(name="lanterns", roots=(f"bluesky:{root}",))
    enriching = Enriching(load_enricher(Campaigns([lanterns], names.post)))
    hidden = names.post("bluesky", root)
    for number, answered in enumerate((root, hidden, hidden[:-1])):
        await enriching.handle(number, raw(str(number), "so it is", platform="bluesky", in_reply_to=answered))
    answers = [message.answers_root for message in enriching.messages if isinstance(message, EnrichedPost)]
    assert answers == [True, True, False]


async def test_posts_are_tagged_by_the_campaigns_of_now() -> None:
    enriching = Enriching(own := load_enricher(Campaigns([OTHER])))
    post = raw("1", "#LightALantern #OpenTheHarbour")
    await enriching.handle(0, post)
    own.use(Campaigns([ROOT]))
    await enriching.handle(1, post)
    assert [m.campaigns for m in enriching.messages if isinstance(m, EnrichedPost)] == [("harbour",), ("lanterns",)]
