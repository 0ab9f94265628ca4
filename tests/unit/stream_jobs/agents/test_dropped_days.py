"""Days that retention has dropped, under a count agent that goes on."""

from hashtide.contract.messages import PostDelete, Recount
from tests.fakes.store import Step
from tests.unit.stream_jobs.agents.counting import TOPIC_ID, Counting, metric, ms, post


async def test_a_post_whose_ledger_was_dropped_is_refused_by_name_and_counted_nowhere() -> None:
    counting = Counting()
    await counting.handle(0, post("1"), post("2"))
    counting.store.drop("posts-2017.10.15")
    before = metric("hashtide_dead_letters_total", reason="older-than-retention")
    await counting.handle(2, post("1"), post("3"), post("4", "2017-10-16T20:00:30Z"))
    assert counting.counts == {"15 20:00 en": 2, "16 20:00 en": 1}
    assert [(letter.reason, letter.position) for letter in counting.dead.letters] == [
        ("older-than-retention", f"{TOPIC_ID}:0:2"),
        ("older-than-retention", f"{TOPIC_ID}:0:3"),
    ]
    assert metric("hashtide_dead_letters_total", reason="older-than-retention") == before + 2


async def test_a_post_whose_ledger_is_dropped_while_it_is_looked_at_is_refused_by_name() -> None:
    counting = Counting()
    await counting.handle(0, post("1"))

    async def drop(step: Step) -> None:
        if step.operation == "get":
            counting.store.drop("posts-2017.10.15")

    counting.store.interrupt = drop
    await counting.handle(1, post("1"))
    assert counting.counts == {"15 20:00 en": 1}
    assert [letter.reason for letter in counting.dead.letters] == ["older-than-retention"]


async def test_a_post_whose_counts_are_dropped_while_it_is_entered_is_refused_by_name() -> None:
    counting = Counting()
    await counting.handle(0, post("1"))

    async def drop(step: Step) -> None:
        if step.operation == "put":
            counting.store.drop("reply-volume-2017.10.15")

    counting.store.interrupt = drop
    await counting.handle(1, post("2"))
    assert counting.counts == {}
    assert [letter.reason for letter in counting.dead.letters] == ["older-than-retention"]


async def test_edits_and_deletions_of_posts_whose_ledger_was_dropped_do_nothing() -> None:
    counting = Counting()
    await counting.handle(0, post("1"))
    counting.store.drop("posts-2017.10.15")
    await counting.handle(1, PostDelete(platform="x", post_id="1"))
    assert (counting.counts, counting.ledger, counting.dead.letters) == ({"15 20:00 en": 1}, [], [])


async def test_a_recount_of_a_window_whose_ledger_was_dropped_leaves_its_counts() -> None:
    counting = Counting()
    await counting.handle(0, post("1", hashtags=("metoo",)), post("2"))
    counting.store.drop("posts-2017.10.15")
    await counting.handle(2, post("3"), Recount(window_ms=ms("2017-10-15T20:00:00Z")))
    assert counting.counts == {"15 20:00 en": 2, "15 20:00 #metoo": 1}


async def test_a_recount_of_a_window_with_what_a_late_post_has_made_of_the_ledger_leaves_its_counts() -> None:
    """Dropped by other means than ours, the ledger comes back with nothing but what came late."""
    counting = Counting()
    await counting.handle(0, post("1", hashtags=("metoo",)), post("2"))
    counting.store.drop("posts-2017.10.15", fenced=False)
    await counting.handle(2, post("3"), Recount(window_ms=ms("2017-10-15T20:00:00Z")))
    assert counting.counts == {"15 20:00 en": 3, "15 20:00 #metoo": 1}
