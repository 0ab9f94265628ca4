"""Enriching a batch: one event per record in order, tags, and dead letters for what cannot be read."""

import pytest

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import EmptyEntry, Gap, Message, Order, Post, PostDelete, PostEdit, Recount, encode
from hashtide.contract.versions import NewerMessage
from hashtide.identity import Keys, Pseudonyms
from stream_jobs import enriched
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.domain.enrich import Enricher
from stream_jobs.enriched import EnrichedPost
from stream_jobs.loading import load_enricher
from tests.fakes.kafka import batch
from tests.unit.stream_jobs.agents.counting import metric

RAW_ID = "h3sDqVYlRZmYcGm1mUu0Qw"
ROOT = Campaign(name="lanterns", roots=("x:100",), tags=("LightALantern",), phrases=("me too",))
OTHER = Campaign(name="harbour", tags=("OpenTheHarbour",))


class Enriching:
    """An enrich agent with two campaigns, and all that it made of the batches so far."""

    def __init__(self, enricher: Enricher) -> None:
        self.agent = EnrichAgent(enricher, topic_id=RAW_ID, clock_ms=lambda: 1_508_162_400_000)
        self.messages: list[enriched.Enriched] = []
        self.offsets: list[int] = []
        self.dead: list[DeadLetter] = []

    def enrich(self, first: int, *values: bytes | None, partition: int = 0) -> EnrichedBatch:
        done = self.agent.enrich(batch("posts.raw", partition, first, values))
        self.messages += [event.message for event in done.events]
        self.offsets += [event.offset for event in done.events]
        self.dead += done.dead
        return done


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return load_enricher(Campaigns([ROOT, OTHER]))


@pytest.fixture
def enriching(enricher: Enricher) -> Enriching:
    return Enriching(enricher)


def raw(post_id: str, text: str, **changes: object) -> bytes:
    post = {"platform": "x", "post_id": post_id, "created_at_ms": 1_508_097_630_000, "text": text} | changes
    return encode(Post(**post))  # type: ignore[arg-type]


def test_a_post_gets_its_tags_and_loses_its_text(enriching: Enriching) -> None:
    enriching.enrich(
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
        )
    ]
    assert "mill" not in repr(message)
    assert (enriching.offsets, enriching.dead) == ([41], [])


def test_events_keep_the_offsets_and_the_order_of_their_records(enriching: Enriching) -> None:
    done = enriching.enrich(10, raw("5", "so it is"), b"{", raw("9", "so it is"), partition=2)
    assert (done.partition, done.generation) == (2, 1)
    assert [event.offset for event in done.events] == [10, 12]
    assert [m.post_id for m in enriching.messages if isinstance(m, EnrichedPost)] == ["5", "9"]


def test_the_same_batch_gives_the_same_events_again(enriching: Enriching) -> None:
    values = [raw("1", "#LightALantern"), raw("2", "so it is"), b"no"]
    assert enriching.enrich(4, *values) == enriching.enrich(4, *values)


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
def test_a_post_has_one_kind(enriching: Enriching, changes: dict[str, str], kind: str) -> None:
    enriching.enrich(0, raw("1", "so it is", **changes))
    (message,) = enriching.messages
    assert isinstance(message, EnrichedPost)
    assert message.kind == kind


def test_a_post_names_all_its_campaigns_or_none(enriching: Enriching) -> None:
    enriching.enrich(0, raw("1", "#OpenTheHarbour #LightALantern"), raw("2", "a fine day"))
    assert [m.campaigns for m in enriching.messages if isinstance(m, EnrichedPost)] == [("harbour", "lanterns"), ()]


def test_an_edit_is_the_new_version_with_the_time_of_the_edit(enriching: Enriching) -> None:
    version = Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="#OpenTheHarbour", lang="en")
    enriching.enrich(8, encode(PostEdit(post=version, edited_at_ms=1_508_097_700_000)))
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
        )
    ]


def test_other_messages_pass_unchanged(enriching: Enriching) -> None:
    others: list[Message | Gap | Order] = [
        PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000),
        Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled"),
        Recount(window_ms=1_508_097_600_000),
        EmptyEntry(index="posts-2017.10.15", id="0123456789abcdef0123456789abcdef", deleted_at_ms=1_508_100_000_000),
    ]
    enriching.enrich(0, raw("1", "so it is"), *[encode(each) for each in others])
    assert enriching.messages[1:] == others
    assert enriching.offsets == [0, 1, 2, 3, 4]


def test_an_edit_keeps_who_set_the_time_of_the_post(enriching: Enriching) -> None:
    version = Post(platform="bluesky", post_id="1", created_at_ms=1_508_097_630_000, time_by="author", text="so it is")
    enriching.enrich(0, encode(version), encode(PostEdit(post=version, edited_at_ms=1_508_097_700_000)))
    assert [m.time_by for m in enriching.messages if isinstance(m, EnrichedPost)] == ["author", "author"]


@pytest.mark.parametrize(
    "value",
    [b"", None, b"{", b"\x00\x01", b"null", b'{"type":"post"}', b'{"type":"stranger"}', raw("1", "x")[:-1]],
)
def test_an_unreadable_record_becomes_a_dead_letter_and_the_others_go_on(
    enriching: Enriching, value: bytes | None
) -> None:
    letters = metric("hashtide_dead_letters_total", reason="undecodable")
    enriching.enrich(20, raw("1", "so it is"), value, raw("2", "so it was"), partition=1)
    assert [m.post_id for m in enriching.messages if isinstance(m, EnrichedPost)] == ["1", "2"]
    (letter,) = enriching.dead
    assert letter.detail
    assert letter == DeadLetter(
        reason="undecodable",
        detail=letter.detail,
        source="posts.raw",
        position=f"{RAW_ID}:1:21",
        payload=b"",
        at_ms=1_508_162_400_000,
    )
    assert metric("hashtide_dead_letters_total", reason="undecodable") - letters == 1


def test_a_time_out_of_bounds_becomes_a_dead_letter(enriching: Enriching) -> None:
    enriching.enrich(7, raw("1", "so it is").replace(b"1508097630000", b"1"))
    assert enriching.messages == []
    assert [(letter.reason, letter.position, letter.payload) for letter in enriching.dead] == [
        ("undecodable", f"{RAW_ID}:0:7", b"")
    ]


def test_a_message_of_a_newer_version_names_its_place(enriching: Enriching) -> None:
    value = raw("1", "so it is").replace(b'"type":"post"', b'"type":"post/3"')
    with pytest.raises(NewerMessage, match=r"message in posts\.raw, partition 1, at offset 21 has type post/3"):
        enriching.enrich(20, raw("2", "so it is"), value, partition=1)


def test_texts_are_kept_if_they_are_stored() -> None:
    enriching = Enriching(load_enricher(Campaigns([ROOT]), store_text=True))
    enriching.enrich(0, raw("1", "so it is"))
    edit = PostEdit(post=Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="so"), edited_at_ms=2)
    enriching.enrich(1, encode(edit))
    assert [message.text for message in enriching.messages if isinstance(message, EnrichedPost)] == ["so it is", "so"]


def test_a_root_matches_by_its_address_and_by_its_pseudonym() -> None:
    names = Pseudonyms(Keys(b"0123456789abcdef0123456789abcdef"))
    root = "at://did:plc:ines0000000000000000000/app.bsky.feed.post/3mptbyoeyc22k"
    lanterns = Campaign(name="lanterns", roots=(f"bluesky:{root}",))
    enriching = Enriching(load_enricher(Campaigns([lanterns], names.post)))
    hidden = names.post("bluesky", root)
    for number, answered in enumerate((root, hidden, hidden[:-1])):
        enriching.enrich(number, raw(str(number), "so it is", platform="bluesky", in_reply_to=answered))
    answers = [message.answers_root for message in enriching.messages if isinstance(message, EnrichedPost)]
    assert answers == [True, True, False]


def test_reloaded_campaigns_apply_to_the_next_batch() -> None:
    enriching = Enriching(own := load_enricher(Campaigns([OTHER])))
    post = raw("1", "#LightALantern #OpenTheHarbour")
    enriching.enrich(0, post)
    own.use(Campaigns([ROOT]))
    enriching.enrich(1, post)
    assert [m.campaigns for m in enriching.messages if isinstance(m, EnrichedPost)] == [("harbour",), ("lanterns",)]
