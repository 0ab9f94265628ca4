"""Made-up series of 5-minute mention counts with labelled events, for tuning and scoring the spike rules.

Nothing is taken from published data. The background is difficult on purpose: counts are overdispersed compared with
Poisson, days and weeks have seasons, the level drifts, bots post on the hour, and there are unlabelled bursts of all
sizes, which often trigger further bursts. A label is a window around an event that was added on purpose.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

STEP: Final = timedelta(minutes=5)
DAY: Final = 288
DAYS: Final = 55
START: Final = datetime(2031, 2, 26, 21, 42, 53, tzinfo=UTC)  # real series do not begin on a full hour

Floats = NDArray[np.float64]
Kind = Literal["spike", "burst", "shift", "ramp", "dip"]


class Regime(msgspec.Struct, frozen=True):
    """One kind of series. Pairs are bounds; each series draws a value between them."""

    level: tuple[float, float]
    """Mean posts in 5 minutes, without bursts."""
    day: tuple[float, float] = (0.3, 0.9)
    """Difference between day and night: amplitude of the logarithm."""
    weekend: tuple[float, float] = (0.5, 1.0)
    """Weekend level as a share of a weekday's."""
    dispersion: tuple[float, float] = (4, 20)
    """Of the negative binomial distribution: variance is mean + mean^2 / dispersion."""
    wander: float = 0.15
    """Standard deviation of the slow, correlated noise of the level's logarithm."""
    bursts_a_day: tuple[float, float] = (0.5, 3)
    tail: tuple[float, float] = (1.3, 2.2)
    """Pareto index of the size of unlabelled bursts: lower is wilder."""
    hourly: float = 0.0
    """Bot posts at the full hour, as a multiple of the level."""
    strength: tuple[float, float] = (0.7, 6.0)
    """Size of labelled events, as a multiple of the tenth largest unlabelled burst."""
    by_size: bool = False
    """Label the largest rises over an hour, instead of the added events."""


REGIMES: Final[dict[str, Regime]] = {
    "quiet": Regime(level=(1, 6), bursts_a_day=(0.3, 2)),
    "ordinary": Regime(level=(12, 50)),
    "busy": Regime(level=(100, 600), dispersion=(10, 60), tail=(1.8, 3.0)),
    "bursty": Regime(level=(5, 40), bursts_a_day=(3, 8), tail=(1.1, 1.6), dispersion=(2, 8)),
    "seasonal": Regime(level=(10, 80), day=(0.9, 1.6), weekend=(0.25, 0.6)),
    "on the hour": Regime(level=(8, 60), hourly=3.0),
    "drifting": Regime(level=(8, 60), wander=0.45),
    "faint events": Regime(level=(8, 60), strength=(0.3, 1.0)),
    "largest, calm": Regime(level=(8, 60), bursts_a_day=(0.5, 2), by_size=True),
    "largest, wild": Regime(level=(4, 100), bursts_a_day=(2, 8), tail=(1.1, 1.8), by_size=True),
}


class Event(msgspec.Struct, frozen=True):
    """An event added on purpose. Indices count samples."""

    kind: Kind
    at: int
    window: tuple[int, int]
    """First and last sample of the label, `at` between them."""


class Series(msgspec.Struct, frozen=True):
    """Counts per sample, and the labelled events."""

    values: NDArray[np.int64]
    events: tuple[Event, ...]


def make(regime: Regime, seed: int) -> Series:
    """A series of DAYS days. Deterministic by seed."""
    rng = np.random.default_rng(seed)
    n = DAYS * DAY
    rate = _level(regime, rng, n)
    boost = _background(regime, rng, n)
    events = _events(rng, n)
    tenth = float(np.sort(_peaks(boost))[-10:][0])
    for event in events:
        strength = max(0.8, tenth * float(np.exp(rng.uniform(*np.log(regime.strength)))))
        _put(event, strength, rng, rate, boost)
    mean = rate * (1 + boost)
    mean[_on_the_hour(n)] += regime.hourly * float(np.mean(rate)) * rng.lognormal(0, 0.4, len(_on_the_hour(n)))
    dispersion = rng.uniform(*regime.dispersion)
    values = rng.poisson(rng.gamma(dispersion, mean / dispersion))
    return Series(values, _largest(values, len(events)) if regime.by_size else events)


def _level(regime: Regime, rng: np.random.Generator, n: int) -> Floats:
    """The mean without bursts: level, daily and weekly seasons, and slow drift."""
    hours = np.arange(n) / 12.0
    phase = rng.uniform(0, 24)
    day = np.cos((hours - phase) / 24 * 2 * np.pi) + 0.35 * np.cos((hours - phase) / 12 * 2 * np.pi + rng.uniform(0, 6))
    weekend = np.where((hours / 24 + rng.integers(7)) % 7 >= 5, rng.uniform(*regime.weekend), 1.0)
    noise = np.empty(n)
    noise[0], keep = 0.0, np.exp(-1 / (0.5 * DAY))
    shocks = rng.normal(0, np.sqrt(1 - keep**2), n)
    for i in range(1, n):
        noise[i] = keep * noise[i - 1] + shocks[i]
    return np.asarray(
        rng.uniform(*regime.level) * weekend * np.exp(rng.uniform(*regime.day) * day + regime.wander * noise)
    )


def _background(regime: Regime, rng: np.random.Generator, n: int) -> Floats:
    """Unlabelled bursts, as a multiple of the level. Sizes are Pareto-distributed; each may trigger others."""
    boost = np.zeros(n)
    tail = rng.uniform(*regime.tail)
    first = np.flatnonzero(rng.random(n) < rng.uniform(*regime.bursts_a_day) / DAY)
    waiting = [int(at) for at in first]
    while waiting:
        at = waiting.pop()
        size = min(0.5 * (1 + float(rng.pareto(tail))), 60.0)
        _burst(boost, at, size, float(np.exp(rng.uniform(np.log(0.5), np.log(24)))))
        for _ in range(int(rng.poisson(0.35))):
            later = at + 1 + int(rng.exponential(36))
            if later < n:
                waiting.append(later)
    return boost


def _burst(boost: Floats, at: int, size: float, decay: float) -> None:
    """Add a burst: immediate rise, exponential decay over `decay` samples."""
    length = min(len(boost) - at, int(decay * 6) + 1)
    boost[at : at + length] += size * np.exp(-np.arange(length) / decay)


def _peaks(boost: Floats) -> Floats:
    """The maximum of each quarter of a day."""
    return np.asarray(boost[: len(boost) // 72 * 72].reshape(-1, 72).max(axis=1))


def _events(rng: np.random.Generator, n: int) -> tuple[Event, ...]:
    """Two to five separate events. Together their windows cover about a tenth of the series."""
    count = int(rng.integers(2, 6))
    width = n // 10 // count
    starts: list[int] = []
    while len(starts) < count:
        start = int(rng.integers(int(n * 0.16), n - width - 1))
        if all(abs(start - other) > width * 1.3 for other in starts):
            starts.append(start)
    kinds: list[Kind] = ["spike", "burst", "shift", "ramp", "dip"]
    chances = [0.4, 0.3, 0.14, 0.09, 0.07]
    return tuple(
        Event(kinds[rng.choice(5, p=chances)], start + int(width * rng.uniform(0.4, 0.6)), (start, start + width))
        for start in sorted(starts)
    )


def _largest(values: NDArray[np.int64], count: int) -> tuple[Event, ...]:
    """Windows around the steepest rises to the largest hours, as a person labels who sees the whole series."""
    n = len(values)
    hour = np.convolve(values, np.ones(12) / 12, "full")[:n]
    rise = hour - np.concatenate([np.full(DAY, np.inf), hour[:-DAY]])  # compared with the same time on the previous day
    rise[: int(n * 0.16)] = 0
    width = n // 10 // count
    events: list[Event] = []
    for _ in range(count):
        peak = int(np.argmax(rise))
        at = max(peak - 11, 0) + int(np.argmax(np.diff(values[max(peak - 12, 0) : peak + 1])))
        start = min(max(at - width // 2, 0), n - width - 1)
        events.append(Event("burst", at, (start, start + width)))
        rise[max(peak - int(width * 1.3), 0) : peak + int(width * 1.3)] = 0
    return tuple(sorted(events, key=lambda event: event.at))


def _put(event: Event, strength: float, rng: np.random.Generator, rate: Floats, boost: Floats) -> None:
    """Add an event to `rate` or `boost`, in place."""
    at, n = event.at, len(rate)
    match event.kind:
        case "spike":
            _burst(boost, at, strength * 1.3, float(rng.uniform(0.5, 3)))
        case "burst":
            rise = int(rng.integers(1, 6))
            for i in range(rise):
                _burst(boost, at + i, strength / rise, float(rng.uniform(6, 48)))
        case "shift":
            length = int(rng.uniform(1, 5) * DAY)
            rate[at : at + length] *= 1 + min(0.5 * strength, 3.0)
        case "ramp":
            up, down = int(rng.integers(12, 48)), int(rng.integers(24, 96))
            shape = np.concatenate([np.linspace(0, 1, up), np.linspace(1, 0, down)])[: n - at]
            boost[at : at + len(shape)] += strength * shape
        case "dip":
            length = int(rng.integers(6, 72))
            rate[at : at + length] *= rng.uniform(0, 0.15)
            boost[at : at + length] = 0


def _on_the_hour(n: int) -> NDArray[np.int64]:
    return np.arange(3, n, 12)
