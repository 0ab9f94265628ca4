"""All benchmarks, one table, and docs/performance.md: `python -m benchmarks`, or `make bench`."""

import click

from benchmarks import end_to_end, steps, table


@click.command()
@click.option("--peers", is_flag=True, help="Also the systems that need environments of their own.")
def main(peers: bool) -> None:
    """Measure everything, print one table, and put the results into docs/performance.md. Takes long."""
    of_steps = steps.measure(posts=10_000, rounds=5)
    table.write(steps.PART, of_steps, steps.HOW)
    whole = end_to_end.measure(posts=200_000, rounds=3, peers=peers)
    table.write("end to end", whole, end_to_end.how())
    table.show([*of_steps, *whole])


if __name__ == "__main__":
    main()
