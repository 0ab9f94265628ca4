import pytest

from hashtide.clock import skew_ms


@pytest.mark.parametrize(
    ("asked", "answered", "theirs", "skew"),
    [
        (1_000, 1_040, 1_020, 0),
        (1_000, 1_040, 1_000, 0),
        (1_000, 1_040, 1_040, 0),
        (1_000, 1_040, 999, 0),  # their 999 may have been 999.9
        (1_000, 1_040, 500, 499),
        (1_000, 1_040, 61_040, -60_000),
        (1_000, 31_000, 20_000, 0),
        (1_000, 31_000, 32_000, -1_000),
    ],
)
def test_skew_ignores_difference_within_response_time(asked: int, answered: int, theirs: int, skew: int) -> None:
    assert skew_ms(asked, answered, theirs) == skew
