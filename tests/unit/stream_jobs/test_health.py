"""What /healthz and /readyz say."""

import urllib.error
import urllib.request

from stream_jobs.health import Checks, Progress, serve


class Monotonic:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_with_nothing_to_do_is_alive_however_long() -> None:
    clock = Monotonic()
    checks = Checks(Progress(clock), lambda: True)
    clock.now += 1_000_000
    assert checks.healthz() == (True, "alive")


def test_a_worker_that_handles_no_batch_for_120_seconds_is_not_alive() -> None:
    clock = Monotonic()
    progress = Progress(clock)
    checks = Checks(progress, lambda: True)
    clock.now = 5000.0
    progress.taken()
    clock.now = 5119.0
    assert checks.healthz() == (True, "alive")
    clock.now = 5120.0
    assert checks.healthz() == (False, "no batch was handled for 120 s")


def test_any_batch_that_ends_is_a_sign_of_life_for_those_still_in_hand() -> None:
    clock = Monotonic()
    progress = Progress(clock)
    checks = Checks(progress, lambda: True)
    progress.taken()
    progress.taken()
    clock.now = 1100.0
    progress.ended()
    clock.now = 1219.0
    assert checks.healthz() == (True, "alive")
    clock.now = 1220.0
    assert checks.healthz() == (False, "no batch was handled for 120 s")
    progress.ended()
    assert checks.healthz() == (True, "alive")


def test_ready_is_assigned_and_answered_by_elasticsearch() -> None:
    progress = Progress()
    assert Checks(progress, lambda: True).readyz() == (False, "no partition is assigned")
    progress.assigned = 4
    assert Checks(progress, lambda: False).readyz() == (False, "Elasticsearch does not answer")
    assert Checks(progress, lambda: True).readyz() == (True, "ready")


def test_the_answers_over_http() -> None:
    port = serve("127.0.0.1", 0, Checks(Progress(), lambda: True))

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert get("/healthz") == (200, "alive\n")
    assert get("/readyz") == (503, "no partition is assigned\n")
    status, text = get("/metrics")
    assert status == 200
    assert "# HELP hashtide_counted_posts_total Posts counted for the first time" in text
