"""Runs all benchmarks and writes docs/performance.md: `python -m benchmarks`, or `make bench`."""

import click

from benchmarks import end_to_end, growth, latency, producer, steps
from benchmarks.harness import table
from benchmarks.harness.table import Row


@click.command()
@click.option("--peers", is_flag=True, help="Include the systems that need their own environments.")
@click.option("--scale", default=1.0, show_default=True, help="Scale the workload: posts and seconds.")
def main(peers: bool, scale: float) -> None:
    """Measure everything, print one table, and write the results to docs/performance.md. Takes almost an hour; each
    finished part is written at once."""
    rows: list[Row] = []

    def done(part: str, measured: list[Row], how: str) -> None:
        table.write(part, measured, how)
        rows.extend(measured)

    done(steps.PART, steps.measure(int(10_000 * scale), rounds=5), steps.HOW)
    done(end_to_end.PART, end_to_end.measure(int(200_000 * scale), rounds=3, peers=peers), end_to_end.how())
    done(
        end_to_end.ANY_CORE,
        end_to_end.measure(int(200_000 * scale), rounds=3, peers=peers, any_core=True),
        end_to_end.how(any_core=True),
    )
    done(latency.PART, latency.measure(20 * scale, rounds=3), latency.HOW)
    done(producer.PART, producer.measure(int(100_000 * scale), rounds=3, peers=peers), producer.HOW)
    of_growth, kinds = growth.measure(int(100_000 * scale), rounds=3)
    growth.plot(kinds, growth.PLOT)
    done(growth.PART, of_growth, growth.HOW)
    table.show(rows)


if __name__ == "__main__":
    main()
