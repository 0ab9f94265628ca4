"""How far a count can be trusted: provisional, final, corrected. The grace time is 15 minutes here."""

import pytest

from tests.fakes.store import Crash, Step, never
from tests.unit.stream_jobs.agents.counting import Counting, metric, post


def statuses(counting: Counting) -> dict[str, tuple[int, str, int]]:
    """Count, status and revision of reply volume, by minute."""
    found = {}
    for source in counting.sources("reply-volume-*"):
        minute = source["@timestamp"] // 60_000 % (24 * 60)
        found[f"{minute // 60:02}:{minute % 60:02}"] = source["count"], source["status"], source["revision"]
    return found


async def test_a_count_is_provisional_until_the_watermark_has_passed_its_window_and_the_grace_time() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T20:15:59Z"))
    assert statuses(counting) == {"20:00": (1, "provisional", 0), "20:15": (1, "provisional", 0)}


async def test_a_window_that_the_batch_itself_closes_is_written_as_final() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T20:16:00Z"))
    assert statuses(counting) == {"20:00": (1, "final", 0), "20:16": (1, "provisional", 0)}


async def test_a_window_that_a_later_batch_closes_becomes_final_when_it_is_tended() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z", hashtags=("metoo",)))
    await counting.agent.finalise(0, idle=False)
    assert statuses(counting) == {"20:00": (1, "provisional", 0)}
    await counting.handle(1, post("2", "2017-10-15T20:16:00Z"))
    await counting.agent.finalise(0, idle=False)
    assert statuses(counting) == {"20:00": (1, "final", 0), "20:16": (1, "provisional", 0)}
    assert [source["status"] for source in counting.sources("hashtag-volume-*")] == ["final"]


async def test_a_post_that_comes_after_its_window_was_final_corrects_it_and_raises_the_revision() -> None:
    counting = Counting()
    late_before = metric("hashtide_late_posts_total", origin="live")
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T20:16:00Z"))
    await counting.handle(2, post("3", "2017-10-15T20:00:40Z"))
    assert statuses(counting)["20:00"] == (2, "corrected", 1)
    await counting.handle(3, post("4", "2017-10-15T20:00:50Z"), post("5", "2017-10-15T20:00:55Z"))
    assert statuses(counting)["20:00"] == (4, "corrected", 2)
    assert metric("hashtide_late_posts_total", origin="live") - late_before == 3


async def test_a_late_post_in_a_minute_that_had_none_corrects_it_too() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T21:00:00Z"), post("2", "2017-10-15T20:00:30Z"))
    assert statuses(counting)["20:00"] == (1, "corrected", 1)


async def test_posts_out_of_order_within_the_grace_time_correct_nothing() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:14:00Z"), post("2", "2017-10-15T20:00:30Z"))
    assert statuses(counting) == {"20:14": (1, "provisional", 0), "20:00": (1, "provisional", 0)}


async def test_a_replay_of_a_batch_changes_no_status() -> None:
    counting = Counting()
    posts = post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T20:16:00Z"), post("3", "2017-10-15T20:00:40Z")
    await counting.handle(0, *posts)
    before = statuses(counting)
    assert before["20:00"] == (2, "corrected", 1)
    await counting.handle(0, *posts, generation=2)
    assert statuses(counting) == before


async def test_silence_closes_windows_by_the_clock_once_the_partition_is_idle() -> None:
    counting = Counting()  # whose clock says 2017-10-16T14:00:00Z
    await counting.handle(0, post("1", "2017-10-16T13:40:00Z"), post("2", "2017-10-16T13:44:59Z"))
    await counting.agent.finalise(0, idle=False)
    assert statuses(counting) == {"13:40": (1, "provisional", 0), "13:44": (1, "provisional", 0)}
    await counting.agent.finalise(0, idle=True)
    assert statuses(counting) == {"13:40": (1, "final", 0), "13:44": (1, "final", 0)}


async def test_silence_does_not_close_a_window_within_the_grace_time() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-16T13:45:00Z"))
    await counting.agent.finalise(0, idle=True)
    assert statuses(counting) == {"13:45": (1, "provisional", 0)}


async def test_a_post_in_a_window_that_silence_has_closed_corrects_it() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-16T13:40:00Z"))
    await counting.agent.finalise(0, idle=True)
    await counting.handle(1, post("2", "2017-10-16T13:40:30Z"))
    assert statuses(counting) == {"13:40": (2, "corrected", 1)}


async def test_windows_that_a_dead_worker_left_provisional_become_final_under_the_next() -> None:
    dead = Counting()
    await dead.handle(0, post("1", "2017-10-15T20:00:30Z"))
    next_ = Counting(dead.store.documents)
    await next_.agent.finalise(0, idle=True)
    assert statuses(next_) == {"20:00": (1, "final", 0)}


async def test_another_partition_stays_as_it_is() -> None:
    counting = Counting()
    await counting.handle(0, post("1", "2017-10-15T20:00:30Z"), partition=0)
    await counting.handle(0, post("2", "2017-10-15T20:00:30Z"), partition=1)
    await counting.agent.finalise(1, idle=True)
    by_partition = {s["kafka"]["partition"]: s["status"] for s in counting.sources("reply-volume-*")}
    assert by_partition == {0: "provisional", 1: "final"}


async def test_a_batch_that_was_let_go_and_comes_again_is_not_late_to_itself() -> None:
    counting = Counting()
    posts = post("1", "2017-10-15T20:00:30Z"), post("2", "2017-10-15T20:16:00Z")

    async def crash_before_the_counts(step: Step) -> None:
        if step.operation == "put":
            raise Crash

    counting.store.interrupt = crash_before_the_counts
    with pytest.raises(Crash):
        await counting.handle(0, *posts)
    counting.store.interrupt = never
    await counting.handle(0, *posts, generation=2)
    assert statuses(counting) == {"20:00": (1, "final", 0), "20:16": (1, "provisional", 0)}
