"""posts.enriched gets every counted post at least once, wherever a worker crashes."""

import pytest

from hashtide.contract.messages import PostDelete
from stream_jobs.agents.publish import PublishedDeletion, PublishedPost
from tests.fakes.store import Crash, crash_at, never
from tests.unit.stream_jobs.agents.counting import Counting, post

GONE = PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_097_700_000)


async def test_a_post_and_its_deletion_in_one_batch_are_both_published_after_a_crash_at_any_moment() -> None:
    crashes = 0
    for moment in range(100):
        counting = Counting()
        counting.store.interrupt = crash_at(moment)
        try:
            await counting.handle(0, post("1"), GONE)
        except Crash:
            crashes += 1
            counting.store.interrupt = never
            await counting.handle(0, post("1"), GONE)
        published = [message for _, message in counting.published]
        assert any(isinstance(message, PublishedPost) for message in published), f"crash at moment {moment}"
        assert isinstance(published[-1], PublishedDeletion)
    assert crashes > 5


@pytest.mark.parametrize("messages", [(), (None,)])
async def test_a_batch_without_posts_publishes_nothing(messages: tuple[None, ...]) -> None:
    counting = Counting()
    await counting.handle(0, *messages)
    assert counting.published == []
