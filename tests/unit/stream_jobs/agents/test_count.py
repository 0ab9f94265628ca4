import asyncio

import pytest

from hashtide.contract.dead_letters import DeadLetter, dead_letter_key
from hashtide.contract.messages import EmptyEntry, Gap, PostDelete
from hashtide.elasticsearch.values import Ref
from stream_jobs.agents.count import CountOptions
from stream_jobs.enriched import Enriched
from tests.fakes.labels import LABELS
from tests.fakes.store import Crash, Step, crash_at
from tests.unit.stream_jobs.agents.counting import NOW_MS, TOPIC_ID, Counting, metric, post


def bodies(counting: Counting) -> dict[Ref, bytes]:
    return {ref: held.body for ref, held in counting.store.documents.items()}


async def test_a_post_counts_once_in_reply_volume_and_once_for_each_of_its_hashtags() -> None:
    counting = Counting()
    await counting.handle(
        41,
        post(
            "1",
            "2017-10-15T23:59:59.999Z",
            kind="quote",
            answers_root=True,
            hashtags=("metoo", "yotambién"),
            campaigns=("metoo",),
            why={"metoo": ("tag", "phrase")},
            language="es",
            region="MX",
            region_source="place",
            author="5d41402a",
            origin="backfill",
        ),
        partition=2,
    )
    assert counting.sources("reply-volume-2017.10.15") == [
        {
            "@timestamp": 1_508_111_940_000,
            "campaign": ["metoo"],
            "platform": "x",
            "kind": "quote",
            "answers_root": True,
            "language": "es",
            "region": "MX",
            "origin": "backfill",
            "count": 1,
            "status": "provisional",
            "revision": 0,
            "kafka": {"topic": TOPIC_ID, "partition": 2},
        }
    ]
    assert counting.sources("hashtag-volume-2017.10.15") == [
        {
            "@timestamp": 1_508_111_940_000,
            "campaign": ["metoo"],
            "platform": "x",
            "origin": "backfill",
            "hashtag": hashtag,
            "count": 1,
            "status": "provisional",
            "revision": 0,
            "kafka": {"topic": TOPIC_ID, "partition": 2},
        }
        for hashtag in ("metoo", "yotambién")
    ]
    assert counting.sources("posts-2017.10.15") == [
        {
            "@timestamp": 1_508_111_999_999,
            "platform": "x",
            "kind": "quote",
            "answers_root": True,
            "campaign": ["metoo"],
            "why": ["metoo:phrase", "metoo:tag"],
            "hashtag": ["metoo", "yotambién"],
            "language": "es",
            "language_source": "platform",
            "language_claimed": None,
            "region": "MX",
            "region_source": "place",
            "origin": "backfill",
            "author": "5d41402a",
            "ledger": {"topic": TOPIC_ID, "partition": 2, "offset": 41},
        }
    ]
    assert counting.versions == {42}
    assert counting.dead.letters == []


async def test_posts_of_one_minute_and_kind_share_a_count() -> None:
    counting = Counting()
    await counting.handle(0, *(post(str(n), hashtags=("metoo",)) for n in range(3)))
    await counting.handle(3, post("3"), post("4", language="fr"), post("5", "2017-10-15T20:01:00Z"))
    assert counting.counts == {"15 20:00 en": 4, "15 20:00 #metoo": 3, "15 20:00 fr": 1, "15 20:01 en": 1}


@pytest.mark.parametrize("fresh", [False, True], ids=["same worker", "new worker"])
async def test_a_batch_again_changes_nothing(fresh: bool) -> None:
    counting = Counting()
    batch = (post("1", hashtags=("metoo",)), post("2"), post("3", "2017-10-15T20:01:00Z"))
    await counting.handle(0, *batch)
    before = dict(counting.store.documents)
    again = Counting(counting.store.documents) if fresh else counting
    await again.handle(0, *batch, generation=2)
    assert again.store.documents == before
    assert again.counts == {"15 20:00 en": 2, "15 20:00 #metoo": 1, "15 20:01 en": 1}


async def test_a_batch_again_in_other_pieces_changes_nothing() -> None:
    counting = Counting()
    posts = [post(str(n)) for n in range(6)]
    await counting.handle(0, *posts[:4])
    again = Counting(counting.store.documents)
    await again.handle(0, *posts[:1])
    assert again.counts == {"15 20:00 en": 4}
    await again.handle(1, *posts[1:6])
    assert again.counts == {"15 20:00 en": 6}


async def test_a_duplicate_in_a_batch_does_not_count() -> None:
    counting = Counting()
    before = metric("hashtide_duplicate_posts_total")
    await counting.handle(0, post("1"), post("2"), post("1"), post("1"))
    assert counting.counts == {"15 20:00 en": 2}
    assert metric("hashtide_duplicate_posts_total") - before == 2


async def test_a_duplicate_in_a_later_batch_does_not_count() -> None:
    counting = Counting()
    before = metric("hashtide_duplicate_posts_total")
    await counting.handle(0, post("1"))
    await counting.handle(1, post("1"), post("2"))
    assert counting.counts == {"15 20:00 en": 2}
    assert metric("hashtide_duplicate_posts_total") - before == 1


async def test_a_duplicate_in_another_partition_does_not_count() -> None:
    counting = Counting()
    await counting.handle(5, post("1", hashtags=("metoo",)), partition=0)
    await counting.handle(5, post("1", hashtags=("metoo",)), partition=1)
    assert counting.counts == {"15 20:00 en": 1, "15 20:00 #metoo": 1}


async def test_a_duplicate_whose_time_has_no_milliseconds_meets_its_twin() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T23:59:59.400Z"))
    await counting.handle(1, post("1", "2017-10-15T23:59:59Z"))
    assert counting.counts == {"15 23:59 en": 1}


async def test_the_same_id_on_another_platform_is_another_post() -> None:
    counting = Counting()
    await counting.handle(0, post("1"), post("1", platform="mastodon"))
    assert counting.counts == {"15 20:00 en": 2}


async def test_a_topic_made_anew_counts_from_its_own_beginning() -> None:
    counting = Counting()
    await counting.handle(9, post("1"))
    renewed = Counting(counting.store.documents)
    renewed.agent = type(renewed.agent)(
        renewed.store,
        renewed.dead,
        renewed._order,
        CountOptions(topic_id="another", key=b"k" * 32, cached_counts=10, grace_ms=900_000),
        labels=LABELS,
        clock_ms=lambda: NOW_MS,
    )
    await renewed.handle(0, post("2"))
    assert renewed.counts == {"15 20:00 en": 2}


async def test_a_worker_that_lost_its_partition_changes_nothing_by_its_lower_versions() -> None:
    owner = Counting()
    zombie = Counting(owner.store.documents)
    posts = [post(str(n)) for n in range(5)]
    await zombie.handle(0, posts[0], generation=1)
    await owner.handle(0, *posts[:4], generation=2)
    conflicts = metric("hashtide_count_conflicts_total")
    await zombie.handle(1, posts[1], generation=1)
    assert owner.counts == {"15 20:00 en": 4}
    assert metric("hashtide_count_conflicts_total") - conflicts == 1
    await owner.handle(4, posts[4], generation=2)
    assert owner.counts == {"15 20:00 en": 5}


async def test_an_owner_overtaken_by_the_one_before_counts_on_from_what_it_finds() -> None:
    owner = Counting()
    zombie = Counting(owner.store.documents)
    posts = [post(str(n)) for n in range(6)]
    await zombie.handle(0, posts[0], generation=1)
    await owner.handle(1, posts[1], generation=2)
    await zombie.handle(1, *posts[1:5], generation=1)
    conflicts = metric("hashtide_count_conflicts_total")
    await owner.handle(2, *posts[2:4], generation=2)
    assert metric("hashtide_count_conflicts_total") - conflicts == 1
    assert owner.counts == {"15 20:00 en": 5}
    await owner.handle(4, *posts[4:], generation=2)
    assert owner.counts == {"15 20:00 en": 6}


async def test_a_new_assignment_forgets_what_others_may_have_counted_on() -> None:
    first = Counting()
    second = Counting(first.store.documents)
    await first.handle(0, post("1"), generation=1)
    await second.handle(1, post("2"), generation=2)
    await first.handle(2, post("3"), generation=3)
    assert first.counts == {"15 20:00 en": 3}
    assert first.versions == {3}


async def test_within_an_assignment_counts_are_not_read_again() -> None:
    counting = Counting()
    await counting.handle(0, post("1"), generation=1)
    reads = []

    async def note(step: Step) -> None:
        reads.append(step) if step.operation == "get" else None

    counting.store.interrupt = note
    await counting.handle(1, post("2"), generation=1)
    assert reads == []
    await counting.handle(2, post("3"), generation=2)
    assert reads == [Step("get", 0, 1)]
    assert counting.counts == {"15 20:00 en": 3}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        None,
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"type":"post"}',
        b'{"type":"who"}',
        b'{"type":"delete","platform":1,"post_id":"1"}',
        b'{"a":' * 100_000,
    ],
)
async def test_a_message_that_is_none_is_a_dead_letter_and_all_around_it_counts(value: bytes | None) -> None:
    counting = Counting()
    letters = metric("hashtide_dead_letters_total", reason="undecodable")
    await counting.handle(7, post("1"), value, post("2"), partition=3)
    assert counting.counts == {"15 20:00 en": 2}
    (letter,) = counting.dead.letters
    assert letter.detail
    assert letter == DeadLetter(
        reason="undecodable",
        detail=letter.detail,
        source="posts.raw",
        position=f"{TOPIC_ID}:3:8",
        payload=b"",
        at_ms=1_508_162_400_000,
    )
    assert metric("hashtide_dead_letters_total", reason="undecodable") - letters == 1


@pytest.mark.parametrize("created_at_ms", [1_136_073_599_999, 253_402_300_800_000, 10**30, -1, -(10**18)])
async def test_a_time_that_no_post_can_have_is_a_dead_letter_and_all_around_it_counts(created_at_ms: int) -> None:
    counting = Counting()
    value = b'{"type":"post","platform":"x","post_id":"2","created_at_ms":%d,"text":"me too"}' % created_at_ms
    await counting.handle(0, post("1"), value, post("3"))
    assert counting.counts == {"15 20:00 en": 2}
    (letter,) = counting.dead.letters
    assert (letter.reason, letter.detail) == ("undecodable", "created_at_ms is not in the years 2006 to 9999")
    assert (letter.position, letter.payload) == (f"{TOPIC_ID}:0:1", b"")


async def test_a_post_that_the_ledger_refuses_is_a_dead_letter_and_all_around_it_counts() -> None:
    counting = Counting()
    long = post("2", hashtags=("x" * 40_000,))
    await counting.handle(0, post("1"), long, post("3"))
    assert counting.counts == {"15 20:00 en": 2}
    assert counting.dead.letters == [
        DeadLetter(
            reason="refused-by-elasticsearch",
            detail="document_parsing_exception: [hashtag]",
            source="posts.raw",
            position=f"{TOPIC_ID}:0:1",
            payload=b"",
            at_ms=NOW_MS,
        )
    ]


async def test_posts_whose_count_is_refused_are_dead_letters_and_their_other_counts_hold() -> None:
    counting = Counting()
    counting.store.refusal = lambda index, source: (
        "document_parsing_exception: [hashtag]" if source.get("hashtag") == "bad" else ""
    )
    await counting.handle(0, post("1", hashtags=("bad", "metoo")), post("2"), post("3", hashtags=("bad",)))
    assert counting.counts == {"15 20:00 en": 3, "15 20:00 #metoo": 1}
    assert [(letter.reason, letter.detail, letter.position) for letter in counting.dead.letters] == [
        ("refused-by-elasticsearch", "document_parsing_exception: [hashtag]", f"{TOPIC_ID}:0:0"),
        ("refused-by-elasticsearch", "document_parsing_exception: [hashtag]", f"{TOPIC_ID}:0:2"),
    ]
    await counting.handle(3, post("4", hashtags=("metoo",)))
    assert counting.counts == {"15 20:00 en": 4, "15 20:00 #metoo": 2}


async def test_an_edit_moves_no_count_and_is_noted() -> None:
    counting = Counting()
    edit = post("1", hashtags=("yotambién",), language="es", edited_at_ms=1_508_097_700_000)
    await counting.handle(0, post("1", hashtags=("metoo",)), edit)
    assert counting.counts == {"15 20:00 en": 1, "15 20:00 #metoo": 1}
    (entry,) = counting.ledger
    assert entry["hashtag"] == ["metoo"]
    assert entry["language"] == "en"
    assert entry["edited_at"] == 1_508_097_700_000


async def test_the_latest_edit_stays_noted_whatever_comes_later() -> None:
    counting = Counting()
    await counting.handle(0, post("1"), post("1", edited_at_ms=2_000), post("1", edited_at_ms=1_000))
    assert [entry["edited_at"] for entry in counting.ledger] == [2_000]
    await counting.handle(3, post("1", edited_at_ms=3_000))
    await counting.handle(4, post("1"))
    assert [entry["edited_at"] for entry in counting.ledger] == [3_000]


async def test_an_edit_whose_post_was_never_seen_stands_in_for_it() -> None:
    counting = Counting()
    await counting.handle(0, post("1", edited_at_ms=1_508_097_700_000, hashtags=("metoo",)))
    assert [entry["edited_at"] for entry in counting.ledger] == [1_508_097_700_000]
    await counting.handle(1, post("1", hashtags=("yotambién",)))
    assert counting.counts == {"15 20:00 en": 1, "15 20:00 #metoo": 1}


EMPTIED = {
    "@timestamp": 1_508_097_630_000,
    "ledger": {"topic": TOPIC_ID, "partition": 0, "offset": 0},
    "deleted_at": 1_508_100_000_000,
}


def deletion(post_id: str, deleted_at_ms: int | None = 1_508_100_000_000) -> PostDelete:
    return PostDelete(platform="x", post_id=post_id, deleted_at_ms=deleted_at_ms)


async def test_a_deletion_empties_the_ledger_document_and_moves_no_count() -> None:
    counting = Counting()
    await counting.handle(0, post("1", hashtags=("metoo",), author="5d41402a"), post("2"), deletion("1"))
    assert counting.ledger[0] == EMPTIED
    assert counting.ledger[1]["language"] == "en"
    assert counting.counts == {"15 20:00 en": 2, "15 20:00 #metoo": 1}


async def test_a_deletion_without_a_time_is_dated_by_its_post() -> None:
    counting = Counting()
    await counting.handle(0, post("1"), deletion("1", None))
    assert counting.ledger == [EMPTIED | {"deleted_at": 1_508_097_630_000}]


async def test_a_deleted_post_stays_empty_when_all_comes_again() -> None:
    counting = Counting()
    history = (post("1", author="5d41402a"), deletion("1"))
    await counting.handle(0, *history)
    await Counting(counting.store.documents).handle(0, *history)
    await counting.handle(2, *history, post("1", edited_at_ms=1_508_100_000_001))
    assert counting.ledger == [EMPTIED]
    assert counting.counts == {"15 20:00 en": 1}


async def test_a_deletion_of_a_post_never_seen_leaves_no_document() -> None:
    counting = Counting()
    await counting.handle(0, deletion("1"))
    assert counting.store.documents == {}


async def test_a_deletion_that_comes_before_its_post_is_ordered_behind_it_where_both_are_in_hand_at_once() -> None:
    """Later it is not known any more: nothing is kept of deletions of posts that were never seen (decision 9)."""
    counting = Counting()
    await counting.handle(0, deletion("1"), deletion("2"), post("1"))
    assert "deleted_at" not in counting.ledger[0]
    ((partition, order),) = counting.orders
    await counting.handle(3, order, post("2"), partition=partition)
    assert [entry.keys() == EMPTIED.keys() for entry in counting.ledger] == [True, False]
    assert counting.counts == {"15 20:00 en": 2}


async def test_a_deletion_in_another_partition_is_ordered_in_the_partition_of_the_entry() -> None:
    counting = Counting()
    await counting.handle(5, post("1"), partition=2)
    await counting.handle(9, deletion("1"), partition=0)
    assert "deleted_at" not in counting.ledger[0]
    ref = next(ref for ref in counting.store.documents if ref.index.startswith("posts-"))
    order = EmptyEntry(index="posts-2017.10.15", id=ref.id, deleted_at_ms=1_508_100_000_000)
    assert counting.orders == [(2, order)]
    await counting.handle(6, order, partition=2)
    assert counting.ledger == [EMPTIED | {"ledger": {"topic": TOPIC_ID, "partition": 2, "offset": 5}}]


async def test_a_worker_that_lost_the_partition_does_not_empty_what_its_successor_has_only_entered() -> None:
    """Else, after a crash of the successor, nobody could say what the post counts for."""
    zombie = Counting()
    successor = Counting(zombie.store.documents)
    successor.store.interrupt = crash_at(2)  # the entry is written, its counts are not
    with pytest.raises(Crash):
        await successor.handle(4, post("1"), generation=2)
    assert successor.counts == {}
    await zombie.handle(3, deletion("1"), generation=1)
    assert "deleted_at" not in zombie.ledger[0]
    again = Counting(zombie.store.documents)
    await again.handle(4, post("1"), *[order for _, order in zombie.orders], generation=3)
    assert again.counts == {"15 20:00 en": 1}
    assert again.ledger[0].keys() == EMPTIED.keys()


async def test_a_worker_that_lost_the_partition_keeps_the_count_of_a_post_that_its_successor_has_emptied() -> None:
    zombie = Counting()
    await zombie.handle(0, post("1"), generation=1)
    successor = Counting(zombie.store.documents)
    batch = (post("2"), deletion("2"), post("3"))
    await successor.handle(0, post("1"), *batch, generation=2)
    assert successor.counts == {"15 20:00 en": 3}
    await zombie.handle(1, *batch, generation=1)
    assert zombie.counts == {"15 20:00 en": 3}
    assert zombie.versions == {4}


async def test_an_order_to_empty_what_is_not_there_does_nothing() -> None:
    counting = Counting()
    await counting.handle(0, EmptyEntry(index="posts-2017.10.15", id="0" * 32), post("1"))
    assert counting.counts == {"15 20:00 en": 1}
    assert len(counting.ledger) == 1


async def test_a_post_tagged_otherwise_after_a_crash_is_counted_as_its_first_entry_says() -> None:
    first = Counting()
    first.store.interrupt = crash_at(3)  # the entry is written, its counts are not
    with pytest.raises(Crash):
        await first.handle(0, post("1", campaigns=("metoo",), hashtags=("metoo",)))
    assert first.counts == {}
    second = Counting(first.store.documents)
    await second.handle(0, post("1", campaigns=(), language="pt", hashtags=("eutambem", "metoo")))
    assert second.counts == {"15 20:00 en": 1, "15 20:00 #metoo": 1}
    assert [source["campaign"] for source in second.sources("reply-volume-*", "hashtag-volume-*")] == [["metoo"]] * 2


async def test_an_edit_whose_time_its_author_set_is_noted_on_its_post_and_counts_nowhere() -> None:
    counting = Counting()
    unknown = metric("hashtide_unknown_edits_total")
    moved = [
        post("1", f"2017-{month:02}-01T00:00:00Z", edited_at_ms=1_508_100_000_000 + month, time_by="author")
        for month in range(1, 12)
    ]
    await counting.handle(0, moved[0], post("1"), *moved[1:])
    assert counting.counts == {"15 20:00 en": 1}
    assert [entry["edited_at"] for entry in counting.ledger] == [1_508_100_000_011]
    await counting.handle(12, post("2", edited_at_ms=1, time_by="author"))
    assert counting.counts == {"15 20:00 en": 1}
    assert metric("hashtide_unknown_edits_total") - unknown == 1


async def test_a_stored_text_is_that_of_the_newest_version_and_goes_with_a_deletion() -> None:
    counting = Counting()
    await counting.handle(0, post("1", text="so it is"), post("2", text="so it is"), post("3"))
    assert [entry.get("text") for entry in counting.ledger] == ["so it is", "so it is", None]
    await counting.handle(3, post("1", text="so it was", edited_at_ms=1_508_100_000_000), deletion("2"))
    assert [entry.get("text") for entry in counting.ledger] == ["so it was", None, None]
    # Texts are not stored any more, and an edit takes back what it replaces.
    await counting.handle(5, post("1", edited_at_ms=1_508_100_000_001))
    assert ["text" in entry for entry in counting.ledger] == [False, False, False]


async def test_a_deletion_finds_its_post_on_whatever_day_it_was() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:00Z"), post("2", "2017-11-02T20:00:00Z"))
    await counting.handle(2, deletion("1"), deletion("2"))
    assert [entry.keys() for entry in counting.ledger] == [{"@timestamp", "ledger", "deleted_at"}] * 2


@pytest.mark.parametrize("deletes", [True, False], ids=["deletion first", "edit first"])
async def test_a_deletion_and_an_edit_at_the_same_time_both_take_place(deletes: bool) -> None:
    """The one that reads first writes last, meets the other's change, and begins again."""
    one = Counting()
    await one.handle(0, post("1"), partition=0)
    two = Counting(one.store.documents)
    both: list[Enriched] = [post("1", edited_at_ms=1_508_098_000_000), deletion("1")]
    overtaken = False

    async def overtake(step: Step) -> None:
        nonlocal overtaken
        if step.operation == "amend" and step.done == 0 and not overtaken:
            overtaken = True
            await two.handle(1, both[not deletes], partition=0)

    one.store.interrupt = overtake
    await one.handle(1, both[deletes], partition=0)
    assert overtaken
    assert one.ledger == [EMPTIED]


async def test_two_edits_at_the_same_time_leave_the_later_one_noted() -> None:
    one = Counting()
    await one.handle(0, post("1"))
    two = Counting(one.store.documents)
    overtaken = False

    async def overtake(step: Step) -> None:
        nonlocal overtaken
        if step.operation == "amend" and step.done == 0 and not overtaken:
            overtaken = True
            await two.handle(0, post("1", edited_at_ms=1_000), partition=1)

    one.store.interrupt = overtake
    await one.handle(1, post("1", edited_at_ms=2_000))
    assert overtaken
    assert [entry["edited_at"] for entry in one.ledger] == [2_000]


async def test_a_gap_becomes_one_document_however_often_it_is_reported() -> None:
    counting = Counting()
    gap = Gap(
        source="mastodon:example.social",
        from_ms=1_508_097_600_000,
        to_ms=1_508_097_720_000,
        reason="stalled",
        estimated_posts=40,
    )
    await counting.handle(0, gap, post("1"), gap)
    await counting.handle(3, gap)
    assert counting.sources("ingest-gaps") == [
        {
            "@timestamp": 1_508_097_600_000,
            "event": {"start": 1_508_097_600_000, "end": 1_508_097_720_000, "reason": "stalled"},
            "source": "mastodon:example.social",
            "estimated_posts": 40,
        }
    ]
    assert counting.counts == {"15 20:00 en": 1}


async def test_two_gaps_are_two_documents() -> None:
    counting = Counting()
    await counting.handle(
        0,
        Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled"),
        Gap(source="x", from_ms=1_000, to_ms=2_000, reason="disconnected"),
        Gap(source="x", from_ms=1_000, to_ms=3_000, reason="stalled"),
    )
    assert len(counting.sources("ingest-gaps")) == 3


async def test_a_post_of_two_campaigns_counts_once_under_both_names() -> None:
    counting = Counting()
    await counting.handle(0, post("1", campaigns=("metoo", "timesup")), post("2", campaigns=("metoo",)))
    assert [(source["campaign"], source["count"]) for source in counting.sources("reply-volume-*")] == [
        (["metoo", "timesup"], 1),
        (["metoo"], 1),
    ]
    assert counting.counts == {"15 20:00 en": 2}


async def test_a_post_of_no_campaign_counts_under_none() -> None:
    counting = Counting()
    await counting.handle(0, post("1", campaigns=()))
    assert [(source["campaign"], source["count"]) for source in counting.sources("reply-volume-*")] == [([], 1)]


async def test_a_post_of_an_unknown_region_counts_as_zz() -> None:
    counting = Counting()
    await counting.handle(0, post("1", region=None), post("2", region="FR"))
    assert [(s["region"], s["count"]) for s in counting.sources("reply-volume-*")] == [("ZZ", 1), ("FR", 1)]


async def test_posts_a_week_late_and_in_backward_order_count_where_they_belong() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-22T20:00:00Z"), post("2", "2017-10-22T19:59:59.999Z"))
    await counting.handle(2, post("3", "2017-10-15T20:00:59.999Z"), post("4", "2017-10-15T20:00:00Z"))
    await counting.handle(4, post("5", "2017-10-22T20:00:59Z"))
    assert counting.counts == {"22 20:00 en": 2, "22 19:59 en": 1, "15 20:00 en": 2}
    assert {ref.index for ref in counting.store.documents if "volume" in ref.index} == {
        "reply-volume-2017.10.22",
        "reply-volume-2017.10.15",
    }


async def test_more_counts_than_the_cache_holds_are_read_again_and_right() -> None:
    counting = Counting(cached_counts=10)
    posts = [post(str(n), f"2017-10-15T20:{n % 60:02}:00Z") for n in range(240)]
    for first in range(0, 240, 24):
        await counting.handle(first, *posts[first : first + 24])
        assert metric("hashtide_cached_counts", partition="0") == 10
    assert counting.counts == {f"15 20:{minute:02} en": 4 for minute in range(60)}


MIXED: tuple[Enriched | bytes, ...] = (
    post("1", hashtags=("metoo",)),
    b"no message",
    post("2", "2017-10-14T20:00:00Z", hashtags=("metoo",)),
    post("1", hashtags=("metoo",)),
    post("3", hashtags=("x" * 40_000,)),
    post("2", "2017-10-14T20:00:00Z", edited_at_ms=1_508_100_000_000),
    Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled"),
    deletion("1"),
)


async def test_a_crash_at_any_moment_is_made_good_by_the_next_worker() -> None:
    whole = Counting()
    await whole.handle(0, *MIXED)
    moment = 0
    while True:
        dying = Counting()
        dying.store.interrupt = crash_at(moment)
        try:
            await dying.handle(0, *MIXED)
            break
        except Crash:
            moment += 1
        next_ = Counting(dying.store.documents)
        await next_.handle(0, *MIXED)
        assert bodies(next_) == bodies(whole)
        assert [letter.position for letter in next_.dead.letters] == [f"{TOPIC_ID}:0:1", f"{TOPIC_ID}:0:4"]
    assert moment == 20
    assert whole.counts == {"15 20:00 en": 1, "15 20:00 #metoo": 1, "14 20:00 en": 1, "14 20:00 #metoo": 1}


async def test_a_batch_let_go_at_any_moment_is_made_good_by_the_same_worker() -> None:
    whole = Counting()
    await whole.handle(0, *MIXED)
    let_go = 0
    for moment in range(1000):
        counting = Counting()
        reached = asyncio.Event()
        left = moment

        async def stop(_: Step, reached: asyncio.Event = reached) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                reached.set()
                await asyncio.Event().wait()

        counting.store.interrupt = stop
        work = asyncio.ensure_future(counting.handle(0, *MIXED, generation=1))
        waiting = asyncio.ensure_future(reached.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if work.done():
            break
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        let_go += 1
        left = 1_000
        await counting.handle(0, *MIXED, generation=2)
        assert bodies(counting) == bodies(whole)
    assert let_go == 20


async def test_a_crash_before_the_dead_letters_are_buried_buries_them_under_the_same_keys() -> None:
    async def fall() -> None:
        raise Crash

    first = Counting()
    first.dead._interrupt = fall
    with pytest.raises(Crash):
        await first.handle(0, b"no message")
    second, third = Counting(first.store.documents), Counting(first.store.documents)
    await second.handle(0, b"no message")
    await third.handle(0, b"no message")
    assert [dead_letter_key(letter) for letter in second.dead.letters] == [
        dead_letter_key(letter) for letter in third.dead.letters
    ]
    assert len(second.dead.letters) == 1


async def test_the_newest_post_of_a_batch_is_reported_as_a_metric() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T19:00:00Z"), partition=7)
    assert metric("hashtide_newest_event_timestamp_seconds", partition="7") == 1_508_097_630.0


async def test_partitions_that_are_added_share_the_room_of_those_that_were_there() -> None:
    counting = Counting(cached_counts=12, partitions=2)

    async def cached_of(partition: int, first: int) -> float:
        posts = [post(f"{partition}-{first}-{n}", f"2017-10-15T20:{n:02}:00Z") for n in range(20)]
        await counting.handle(first, *posts, partition=partition)
        return metric("hashtide_cached_counts", partition=str(partition))

    assert [await cached_of(partition, 0) for partition in range(4)] == [6, 6, 4, 3]
    assert [await cached_of(partition, 20) for partition in range(4)] == [3, 3, 3, 3]
    assert counting.counts == {f"15 20:{minute:02} en": 8 for minute in range(20)}
