"""What `hashtide forget` looks for, and how it is told whom it is about."""

import msgspec
import pytest
from click.testing import CliRunner

from hashtide.identity import Keys, Pseudonyms, hash_author, ledger_key
from operations.cli import forget
from operations.forget import ForgetResult, Named, hashes_of, ids_of
from stream_jobs.documents.ledger import Ledger
from stream_jobs.enriched import DeletedPost
from stream_jobs.store.emptying import Done, empty_authors, empty_posts
from tests.fakes.store import Step
from tests.unit.stream_jobs.agents.counting import TOPIC_ID, Counting, post

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


def test_an_author_is_looked_for_under_every_key() -> None:
    assert hashes_of(KEYS, [Named("x", "44196397")]) == [
        hash_author(NEW, "x", "44196397"),
        "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f",
    ]


def test_a_post_is_looked_for_in_every_life_of_the_topic_and_under_its_address_as_it_was() -> None:
    address = "at://did:plc:ines0000000000000000000/app.bsky.feed.post/1"
    found = ids_of(KEYS, [Named("x", "1"), Named("bluesky", address)], {"one", "two"})
    hidden = Pseudonyms(KEYS).post("bluesky", address)
    names = [("x", "1"), ("bluesky", address), ("bluesky", hidden)]
    assert len(found) == len(names) * 2
    assert set(found) == {
        Ledger(KEYS.ledger, life).id(DeletedPost(platform=platform, post_id=post_id))
        for life in ("one", "two")
        for platform, post_id in names
    }


async def test_all_documents_of_an_author_are_emptied_and_no_other() -> None:
    counting = Counting()
    await counting.handle(
        0,
        post("1", author="hers"),
        post("2", "2017-11-02T20:00:00Z", author="hers"),
        post("3", author="his"),
        post("4", author="hers before"),
    )
    before = counting.counts
    assert await empty_authors(counting.store, ["hers", "hers before", "nobody's"], 7) == Done(emptied=3)
    assert [entry.get("author") for entry in counting.ledger] == [None, None, "his", None]
    assert [entry.get("deleted_at") for entry in counting.ledger] == [7, 7, None, 7]
    assert await empty_authors(counting.store, ["hers", "hers before"], 8) == Done()
    assert counting.counts == before


async def test_an_edit_meanwhile_does_not_keep_a_document_from_being_emptied() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"), post("2", author="hers"))
    other = Counting(counting.store.documents)
    edited = False

    async def interrupt(step: Step) -> None:
        nonlocal edited
        if step.operation == "amend" and not edited:
            edited = True
            await other.handle(2, post("1", author="hers", edited_at_ms=1_508_100_000_000))

    counting.store.interrupt = interrupt
    ledger = Ledger(b"0123456789abcdef0123456789abcdef", TOPIC_ID)
    assert await empty_authors(counting.store, ["hers"], 7) == Done(emptied=2)
    assert [entry.keys() for entry in counting.ledger] == [{"@timestamp", "ledger", "deleted_at"}] * 2
    assert edited
    assert await empty_posts(counting.store, {ledger.id(post("1")): 9}) == Done(empty_already=1)


async def test_a_document_that_can_not_be_emptied_is_told() -> None:
    counting = Counting()
    await counting.handle(0, post("1", author="hers"))
    counting.store.refusal = lambda index, source: "mapping" if "deleted_at" in source else ""
    ledger = Ledger(b"0123456789abcdef0123456789abcdef", TOPIC_ID)
    assert await empty_authors(counting.store, ["hers"], 7) == Done(refused=1)
    assert await empty_posts(counting.store, {ledger.id(post("1")): 7}) == Done(refused=1)


class Asked:
    """Stands in for the work: what it was asked to forget."""

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


def test_what_is_told_to_scripts(asked: Asked) -> None:
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


def test_messages_that_wait_for_a_worker_are_told_and_the_exit_status_is_1(asked: Asked) -> None:
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
def test_what_names_nobody_is_refused_and_not_repeated(asked: Asked, words: list[str], problem: str) -> None:
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
def test_a_name_in_place_of_an_id_is_warned_of(asked: Asked, author: str, warns: bool) -> None:
    done = CliRunner().invoke(forget.forget, ["--author", author])
    assert done.exit_code == 0
    assert ("probably nothing will be found" in done.stderr) == warns
    assert "invented" not in done.output
