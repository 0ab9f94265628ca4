"""What a decoder costs: microseconds a post for each format, beside json.loads of the same line.

Run with `python -m benchmarks.formats`. Each figure is the best of several rounds, so that other load on the machine
counts as little as can be; the goal is under 25 us a post.
"""

import json
import time
from collections.abc import Callable
from typing import Final

from producers import formats
from producers.contract import Post
from tests.unit.formats import fixtures

ROUNDS: Final = 30
CALLS: Final = 300

PAYLOADS: Final = {
    "native": fixtures.NATIVE,
    "x-v1": fixtures.X_V1_EXTENDED,
    "x-v2": fixtures.X_V2,
    "mastodon": fixtures.MASTODON,
    "jetstream": fixtures.JETSTREAM,
}


def microseconds(function: Callable[[], object]) -> float:
    """The best time of a call, over ROUNDS rounds of CALLS calls. Blocks for about as long as that takes."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            function()
        best = min(best, time.perf_counter() - started)
    return best / CALLS * 1e6


def main() -> None:
    """Print the table."""
    print(f"{'format':<12}{'bytes':>8}{'decoder us':>12}{'auto us':>10}{'json.loads us':>15}")
    for name, payload in PAYLOADS.items():
        line = fixtures.line(payload)
        outcomes = formats.parse(line, name)
        assert [type(outcome) for outcome in outcomes] == [Post], outcomes
        decoder = microseconds(lambda line=line, name=name: formats.parse(line, name))  # type: ignore[misc]
        auto = microseconds(lambda line=line: formats.parse(line))  # type: ignore[misc]
        loads = microseconds(lambda line=line: json.loads(line))  # type: ignore[misc]
        print(f"{name:<12}{len(line):>8}{decoder:>12.1f}{auto:>10.1f}{loads:>15.1f}")


if __name__ == "__main__":
    main()
