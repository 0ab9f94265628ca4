"""Posts per second through the whole pipeline, and the same job on other systems: `python -m benchmarks.end_to_end`.

Two parts. *Product*: posts.raw -> enrich -> count -> Elasticsearch with a real `hashtide worker`, and with the same
worker without ledger writes. Timed from outside, from the assignment of its partitions to the last commit. *Contest*: a
cheap job (benchmarks/harness/job.py) instead of the tagging, the same for all contestants. Timed from the first record
received to the last one counted, and then until Elasticsearch has all counts. Each contestant is one process on one
core, with Kafka and Elasticsearch on the others; with `--any-core`, all on any core, as processes usually run.
Contestants alternate, for several rounds.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import click

from benchmarks.contest import environments
from benchmarks.contest.run import PARTITIONS, Contestant, ContestantFailed, Field, Result, run
from benchmarks.harness import posts as streams
from benchmarks.harness import table
from benchmarks.harness.machine import WORKER_CORE, other_cores
from benchmarks.harness.servers import Servers, servers
from benchmarks.harness.table import Row
from benchmarks.product import NO_LEDGER, WORKER, Drained, drain, produce_campaign
from producers.synthetic.campaign import plan

PART, ANY_CORE, PRODUCT, CONTEST = "end to end", "end to end, on any core", "product", "contest"
BARE = Contestant("bare aiokafka loop", "contest.bare")
LARGE = {"HASHTIDE_FETCH_BYTES": str(2 << 20), "HASHTIDE_CACHED_COUNTS": "200000"}
"""Large batches and all counts in memory, as for the other systems."""
OURS = (
    Contestant("hashtide", "ours contest", variables=LARGE),
    Contestant("hashtide, memory", "ours counting", variables=LARGE),
)
PEERS = (
    Contestant("stock Faust, agent", "contest.faust_agent", share=0.3),
    Contestant("stock Faust, windowed table", "contest.faust_table", share=0.1),
)


def measure(
    posts: int, rounds: int, *, hours: int = streams.HOURS, peers: bool = False, any_core: bool = False, only: str = ""
) -> list[Row]:
    """Measure both parts. `hours`: the time span of the product's posts. `only`: contestants and parts whose names
    contain this. Blocks for minutes."""
    contestants = [c for c in (BARE, *OURS, *PEERS) if only in c.name]
    failures: dict[str, str] = {}
    if peers:
        made, failures = environments.contestants(only)
        contestants += made
    with servers(any_core=any_core) as them:
        them.setup(partitions=str(PARTITIONS))
        run(them, Field(them), OURS[0], posts // 4)  # not measured: warms up the servers' JVMs
        product = _product(them, posts, rounds, hours) if only in PRODUCT else []
        return product + _contest(them, posts, rounds, contestants, failures)


def how(any_core: bool = False, hours: int = streams.HOURS) -> str:
    """How the figures were measured, for the document."""
    others = ", ".join(map(str, other_cores()))
    pinned = f"Workers on core {WORKER_CORE}, Kafka and Elasticsearch on core {others}"
    where = "All processes on any core" if any_core else pinned
    return f"{where}; {PARTITIONS} partitions; product: posts of {hours} h."


def _product(them: Servers, posts: int, rounds: int, hours: int) -> list[Row]:
    say(f"filling posts.raw with {posts:,} posts of {hours} h")
    produce_campaign(them, posts, hours)
    known = plan(posts, streams.SEED, streams.start_ms(), hours)
    ways = {"hashtide worker, with ledger": WORKER, "hashtide worker, no ledger writes": NO_LEDGER}
    expected = {WORKER: known.posts, NO_LEDGER: known.posts + known.duplicates}
    runs: defaultdict[str, list[Drained]] = defaultdict(list)
    wrong: dict[str, str] = {}
    for number in range(rounds):
        for way, command in ways.items():
            done = drain(them, command=command, cores=(them.core,))
            counted = them.sum("reply-volume-*")
            if counted != expected[command]:
                wrong[way] = f"WRONG: counted {counted:,} of {expected[command]:,}"
            say(f"round {number + 1}: {way}: {known.posts / done.seconds:,.0f} posts/s")
            runs[way].append(done)
    base = [known.posts / done.seconds for done in runs["hashtide worker, with ledger"]]
    return [
        Row(
            PRODUCT,
            way,
            "posts/s",
            [known.posts / done.seconds for done in drained],
            base=statistics.median(base),
            notes=_notes(drained[-1].cpu_s, drained[-1].peak_mb, posts, wrong.get(way, "every post counted")),
        )
        for way, drained in runs.items()
    ]


def _contest(
    them: Servers, posts: int, rounds: int, contestants: Sequence[Contestant], failures: dict[str, str]
) -> list[Row]:
    field = Field(them)
    runs: defaultdict[str, list[Result]] = defaultdict(list)
    for number in range(rounds):
        for contestant in contestants:
            try:
                result = run(them, field, contestant, posts)
            except ContestantFailed as error:
                failures[contestant.name] = " ".join(str(error).split())[-200:]
                say(str(error))
                continue
            rate = result.messages / result.count_s
            say(f"round {number + 1}: {contestant.name}: {rate:,.0f} posts/s, exact: {result.exact}")
            runs[contestant.name].append(result)
    counted = {name: [r.messages / r.count_s for r in results] for name, results in runs.items()}
    sunk = {name: [r.messages / (r.count_s + r.sink_s) for r in results] for name, results in runs.items()}
    notes_of = {contestant.name: contestant.notes for contestant in contestants}
    rows = []
    for title, rates in (("counted", counted), ("in Elasticsearch", sunk)):
        base = statistics.median(rates[BARE.name]) if BARE.name in rates else None
        for name, values in rates.items():
            notes = _contest_notes(runs[name], notes_of[name]) if title == "counted" else ""
            rows.append(Row(f"{CONTEST}: {title}", name, "posts/s", values, base, notes))
    return rows + [Row(CONTEST, name, "posts/s", [], notes=why) for name, why in failures.items() if name not in runs]


def _contest_notes(results: Sequence[Result], more: str) -> str:
    last = results[-1]
    true = "exact" if all(result.exact for result in results) else f"NOT exact, {last.missing:,} missing"
    late = f", {last.late:,} dropped as late" if last.late else ""
    return _notes(
        last.cpu_s, last.peak_mb, last.messages, f"{last.messages:,} messages, {true}{late}{more and '; ' + more}"
    )


def _notes(cpu_s: float, peak_mb: float, posts: int, more: str) -> str:
    return f"{cpu_s / posts * 1e6:.0f} us of CPU per post, {peak_mb:.0f} MB; {more}"


say = partial(print, file=sys.stderr, flush=True)


@click.command()
@click.option("--posts", default=200_000, show_default=True, help="Number of posts.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--hours", default=streams.HOURS, show_default=True, help="Time span of the product's posts.")
@click.option("--peers", is_flag=True, help="Include Quix Streams, Bytewax, Pathway and PyFlink, each in a venv.")
@click.option("--any-core", is_flag=True, help="Do not pin workers or servers to cores.")
@click.option("--only", default="", help="Only names that contain this; 'product' is the part with the real tagging.")
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md.")
def main(posts: int, rounds: int, hours: int, peers: bool, any_core: bool, only: str, write: bool) -> None:
    """Measure posts per second through the whole pipeline, and the same job on other systems."""
    rows = measure(posts, rounds, hours=hours, peers=peers, any_core=any_core, only=only)
    table.show(rows)
    if write:
        table.write(ANY_CORE if any_core else PART, rows, how(any_core, hours))


if __name__ == "__main__":
    main()
