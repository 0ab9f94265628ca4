"""Which time is looked at, and in which steps. Pure; times are integer milliseconds, UTC."""

from typing import Final, Literal, get_args

import msgspec

from hashtide.times import DAY_MS, HOUR_MS, MINUTE_MS
from stream_jobs.domain.windows import WINDOW_MS

Span = Literal["15m", "1h", "6h", "48h", "all"]
"""How far back one looks."""

SPANS: Final[tuple[Span, ...]] = get_args(Span)


LENGTHS_MS: Final[dict[Span, int]] = {"15m": 15 * MINUTE_MS, "1h": HOUR_MS, "6h": 6 * HOUR_MS, "48h": 48 * HOUR_MS}

MOST_STEPS: Final = 96
STEPS_MS: Final = (
    *(minutes * MINUTE_MS for minutes in (1, 5, 10, 15, 30)),
    *(hours * HOUR_MS for hours in (1, 2, 3, 6, 12)),
    *(days * DAY_MS for days in (1, 2, 7, 14, 30, 90, 365)),
)
"""What people divide time by."""


class Period(msgspec.Struct, frozen=True):
    """[from_ms, to_ms) in steps; all three whole minutes, `from_ms` a whole step since the epoch."""

    from_ms: int
    to_ms: int
    step_ms: int

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each step begins; the last may be cut short by `to_ms`."""
        return tuple(range(self.from_ms, self.to_ms, self.step_ms))


def is_live(newest_ms: int, span: Span, now_ms: int) -> bool:
    """Whether a span that ends now has anything in it; of `all`: whether the newest window is of the last hour."""
    return newest_ms > now_ms - LENGTHS_MS.get(span, HOUR_MS)


def period(span: Span, oldest_ms: int, newest_ms: int, now_ms: int) -> Period:
    """What to look at, when the windows counted start from `oldest_ms` to `newest_ms`.

    A span ends with the minute that is running, if there is anything in it then. Else it ends with the newest window:
    a campaign of 2017, or one that has fallen silent, is shown where it lies. `all` is everything.
    """
    newest_end_ms = newest_ms + WINDOW_MS
    if span == "all":
        from_ms, to_ms = oldest_ms, newest_end_ms
    else:
        running_end_ms = now_ms - now_ms % MINUTE_MS + MINUTE_MS
        # Clocks differ: what is counted ahead of ours is shown, too.
        to_ms = max(running_end_ms, newest_end_ms) if is_live(newest_ms, span, now_ms) else newest_end_ms
        from_ms = to_ms - LENGTHS_MS[span]
    step_ms = next((step for step in STEPS_MS if (to_ms - from_ms) / step <= MOST_STEPS), STEPS_MS[-1])
    return Period(from_ms - from_ms % step_ms, to_ms, step_ms)


def duration(ms: int) -> str:
    """A length of time in words, cut to its largest unit: `40 s`, `3 min`, `5 h`, `3 days`, `9 years`."""
    if ms < 2 * MINUTE_MS:
        return f"{max(0, ms) // 1000} s"
    if ms < 2 * HOUR_MS:
        return f"{ms // MINUTE_MS} min"
    if ms < 2 * DAY_MS:
        return f"{ms // HOUR_MS} h"
    if ms < 730 * DAY_MS:
        return f"{ms // DAY_MS} days"
    return f"{ms // (365 * DAY_MS)} years"


def step_name(step_ms: int) -> str:
    """`minute`, `5 min`, `hour`, `6 h`, `day`, `7 days`: what a bar of the chart counts over."""
    singles = {MINUTE_MS: "minute", HOUR_MS: "hour", DAY_MS: "day"}
    if step_ms in singles:
        return singles[step_ms]
    if step_ms % DAY_MS == 0:
        return f"{step_ms // DAY_MS} days"
    if step_ms % HOUR_MS == 0:
        return f"{step_ms // HOUR_MS} h"
    return f"{step_ms // MINUTE_MS} min"
