import pytest

from producers.sources.lost import Lost, Refused, answer_error, retry_at_ms
from tests.unit.producers.sources.fakes import AUGUST_MS


@pytest.mark.parametrize(
    ("status", "cause"), [(500, "http-error"), (503, "http-error"), (408, "http-error"), (420, "rate-limited")]
)
def test_server_errors_and_rate_limits_are_retryable(status: int, cause: str) -> None:
    error = answer_error("X", status, {}, "", AUGUST_MS)
    assert isinstance(error, Lost)
    assert error.cause == cause
    assert error.retry_at_ms is None


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 422])
def test_other_errors_are_not_retryable(status: int) -> None:
    error = answer_error("mastodon:a.example", status, {}, '{"error":\n "no"}', AUGUST_MS)
    assert isinstance(error, Refused)
    assert str(error) == f'mastodon:a.example: HTTP {status} {{"error": "no"}}'


def test_rate_limit_has_its_end_time() -> None:
    error = answer_error("X", 429, {"x-rate-limit-reset": "1785585732"}, "", AUGUST_MS)
    assert isinstance(error, Lost)
    assert error.retry_at_ms == 1_785_585_732_000


@pytest.mark.parametrize(
    ("headers", "at_ms"),
    [
        ({"x-rate-limit-reset": "1785585732"}, 1_785_585_732_000),
        ({"x-ratelimit-reset": "2026-08-01T12:05:00.000000Z"}, AUGUST_MS + 300_000),
        ({"x-ratelimit-reset": "2026-08-01T12:05:00"}, AUGUST_MS + 300_000),
        ({"retry-after": "90"}, AUGUST_MS + 90_000),
        ({"retry-after": "Sat, 01 Aug 2026 12:01:00 GMT"}, AUGUST_MS + 60_000),
        ({"x-rate-limit-reset": "soon", "retry-after": "5"}, AUGUST_MS + 5_000),
        ({"x-rate-limit-reset": "9" * 5000}, None),
        ({"retry-after": "never"}, None),
        ({}, None),
    ],
)
def test_reads_end_of_rate_limit_of_each_platform(headers: dict[str, str], at_ms: int | None) -> None:
    assert retry_at_ms(headers, AUGUST_MS) == at_ms
