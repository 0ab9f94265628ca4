"""What `hashtide forget` searches for and empties, its options and its output."""

import msgspec
import pytest
from click.testing import CliRunner

from hashtide.contract.messages import PostDelete
from hashtide.elasticsearch.values import Found
from hashtide.identity import Keys, Pseudonyms, hash_author, ledger_key
from operations.cli import forget
from operations.forget import ForgetResult, Named, hashes_of, ids_of
from stream_jobs.documents.ledger import Ledger
from stream_jobs.store.emptying import Emptied, empty_entries
from tests.fakes.store import FakeStore, Step
from tests.unit.stream_jobs.agents.counting import Counting, post

OLD, NEW = b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210"
KEYS = Keys(NEW, (OLD,), ledger_key(OLD))
VERDICT = ForgetResult(
    dry_run=False,
    found=3,
    emptied=2,
    empty_already=1,
    on_their_way=0,
    kept_until_ms={"posts.raw": 1_508_112_000_000, "posts.dead": None},
)


def test_an_author_is_searched_for_under_every_key() -> None:
    assert hashes_of(KEYS, [Named("x", "44196397")]) == [
        hash_author(NEW, "x", "44196397"),
        "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f",
    ]


def test_a_post_is_searched_for_in_every_incarnation_of_the_topic_also_under_its_unhashed_address() -> None:
    address = "at://did:plc:ines0000000000000000000/app.bsky.feed.post/1"
    found = ids_of(KEYS, [Named("x", "1"), Named("bluesky", address)], {"one", "two"})
    hidden = Pseudonyms(KEYS).post("bluesky", address)
    names = [("x", "1"), ("bluesky", address), ("bluesky", hidden)]
    assert len(found) == len(names) * 2
    assert set(found) == {
        Ledger(KEYS.ledger, incarnation).id(PostDelete(platform=platform, post_id=post_id))
        for incarnation in ("one", "two")
        for platform, post_id in names
    }


async def entries(store: FakeStore, *authors: str) -> list[Found]:
    """The ledger entries of these authors; of all, if none is given. In the order in which they were made."""
    refs = [ref for ref in store.documents if ref.index.startswith("posts-")]
    found = [entry for entry in await store.get(refs) if entry is not None]
    return [entry for entry in found if not authors or entry.source.get("author") in authors]


async def test_the_given_entries_are_emptied_and_no_count_changes() -> None:
    counting = Counting()
    await counting.handle(
        0, post("1", author="hers"), post("2", "2017-11-02T20:00:00Z", author="hers"), post("3", author="his")
    )
    before = counting.counts
    hers = await entries(counting.store, "hers")
    deleted = {hers[0].ref.id: 7, hers[1].ref.id: None}
    assert await empty_entries(counting.store, hers, deleted) == Emptied(emptied=2)
    assert [(entry.get("author"), entry.get("deleted_at")) for entry in counting.ledger] == [
        (None, 7),
        (None, 1_509_652_800_000),  # the time of deletion is unknown: the time of the post
        ("his", None),
    ]
    assert counting.ledger[0].keys() == {"@timestamp", "ledger", "deleted_at"}
    assert counting.counts == before


async def test_an_entry_that_is_empty_already_is_not_written_again() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"))
    (entry,) = await entries(counting.store)
    assert await empty_entries(counting.store, [entry], {entry.ref.id: 7}) == Emptied(emptied=1)
    written = dict(counting.store.documents)
    again = await entries(counting.store)
    assert await empty_entries(counting.store, again, {entry.ref.id: 8}) == Emptied(empty_already=1)
    assert counting.store.documents == written


async def test_an_entry_that_is_edited_meanwhile_is_emptied_all_the_same() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"), post("2", author="hers"))
    hers = await entries(counting.store, "hers")
    other = Counting(counting.store.documents)
    edited = False

    async def interrupt(step: Step) -> None:
        nonlocal edited
        if step.operation == "amend" and not edited:
            edited = True
            await other.handle(2, post("1", author="hers", edited_at_ms=1_508_100_000_000))

    counting.store.interrupt = interrupt
    assert await empty_entries(counting.store, hers, {entry.ref.id: 7 for entry in hers}) == Emptied(emptied=2)
    assert edited
    assert [entry.keys() for entry in counting.ledger] == [{"@timestamp", "ledger", "deleted_at"}] * 2


async def test_an_entry_whose_index_is_dropped_meanwhile_is_not_made_again() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"))
    (entry,) = await entries(counting.store)
    counting.store.drop("posts-2017.10.15", fenced=False)
    assert await empty_entries(counting.store, [entry], {entry.ref.id: 7}) == Emptied()
    assert counting.ledger == []


async def test_an_entry_that_the_store_refuses_to_change_is_reported() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"))
    (entry,) = await entries(counting.store)
    counting.store.refusal = lambda index, source: "mapping" if "deleted_at" in source else ""
    assert await empty_entries(counting.store, [entry], {entry.ref.id: 7}) == Emptied(refused=1)


class Asked:
    """Stands in for the work, and keeps what it was called with."""

    def __init__(self, verdict: ForgetResult) -> None:
        self.verdict = verdict

    def __call__(self, settings: object, authors: list[Named], posts: list[Named], **options: object) -> ForgetResult:
        self.authors, self.posts, self.options = authors, posts, options
        return self.verdict


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked(VERDICT)
    monkeypatch.setattr(forget, "empty_posts", asked)
    return asked


def test_ids_come_from_the_command_line_or_from_standard_input(asked: Asked) -> None:
    words = ["--author=-", "--post", "bluesky:at://did:plc:a/app.bsky.feed.post/1"]
    done = CliRunner().invoke(forget.forget, words, input="X:44196397\n\n  mastodon:https://a.example/users/b \n")
    assert done.exit_code == 0, done.output
    assert asked.authors == [("x", "44196397"), ("mastodon", "https://a.example/users/b")]
    assert asked.posts == [("bluesky", "at://did:plc:a/app.bsky.feed.post/1")]
    assert done.stdout == (
        "2 posts emptied, 1 were already empty\n"
        "Kafka keeps what was sent to posts.raw until 2017-10-16T00:00:00Z at the latest\n"
        "Kafka keeps what was sent to posts.dead forever: the topic has no retention\n"
    )


def test_the_result_as_json(asked: Asked) -> None:
    done = CliRunner().invoke(forget.forget, ["--post=x:1", "--dry-run", "--json"])
    assert msgspec.json.decode(done.stdout) == {
        "dry_run": False,
        "found": 3,
        "emptied": 2,
        "empty_already": 1,
        "on_their_way": 0,
        "kept_until": {"posts.raw": "2017-10-16T00:00:00Z", "posts.dead": None},
        "authors": [],
    }
    assert asked.options["dry_run"] is True


def test_messages_that_wait_for_a_worker_are_reported_and_the_exit_status_is_1(asked: Asked) -> None:
    asked.verdict = msgspec.structs.replace(VERDICT, on_their_way=7)
    done = CliRunner().invoke(forget.forget, ["--author=x:44196397"])
    assert done.exit_code == 1
    assert "7 messages wait for a worker" in done.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "give --author or --post"),
        (["--author=44196397"], "must be PLATFORM:ID, such as x:44196397"),
        (["--author=x:"], "must be PLATFORM:ID"),
        (["--author=-"], "must be PLATFORM:ID, such as x:44196397 in line 2"),
        (["--author=-", "--post=-"], "'-' works for either --author or --post, not for both"),
    ],
)
def test_a_wrong_id_is_refused_and_not_printed(asked: Asked, words: list[str], problem: str) -> None:
    done = CliRunner().invoke(forget.forget, words, input="x:44196397\n@invented\n")
    assert done.exit_code == 2
    assert problem in done.stderr
    assert "invented" not in done.output


@pytest.mark.parametrize(
    ("author", "warns"),
    [
        ("x:44196397", False),
        ("x:@invented", True),
        ("bluesky:did:plc:invented", False),
        ("bluesky:invented.example", True),
        ("mastodon:https://a.example/users/invented", False),
        ("mastodon:@invented@a.example", True),
        ("forum:invented", False),
    ],
)
def test_a_name_in_place_of_an_id_causes_a_warning(asked: Asked, author: str, warns: bool) -> None:
    done = CliRunner().invoke(forget.forget, ["--author", author])
    assert done.exit_code == 0
    assert ("probably nothing will be found" in done.stderr) == warns
    assert "invented" not in done.output
