"""Posts a second through the whole pipeline, and the same job on other systems: `python -m benchmarks.end_to_end`.

Two parts. *Product*: posts.raw -> enrich -> posts.enriched -> count -> Elasticsearch by a real `hashtide worker`, and
by the same worker without the writes of its ledger; timed from outside, from the moment when its partitions are
assigned to the last commit. *Contest*: a cheap job (benchmarks/harness/job.py) instead of the tagging, the same for
every contestant, from the first record in hand to the last one counted, and then until Elasticsearch has every count.
One process each, on one core, and Kafka and Elasticsearch on the others; or, with `--any-core`, all of them on any
core, as processes usually run. Contestants alternate, for several rounds.
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
BARE = (
    Contestant("bare aiokafka loop, one hop", "contest.bare"),
    Contestant("bare aiokafka loop, two hops", "contest.bare_two_hops"),
)
LARGE = {"HASHTIDE_FETCH_BYTES": str(2 << 20), "HASHTIDE_CACHED_COUNTS": "200000"}
"""Large batches, as the others are given, and all counts in memory, as the others keep them."""
OURS = (
    Contestant("hashtide, two hops", "ours contest", variables=LARGE),
    Contestant("hashtide, two hops, memory", "ours counting", variables=LARGE),
)
PEERS = (
    Contestant("stock Faust, agent", "contest.faust_agent", share=0.3),
    Contestant("stock Faust, windowed table", "contest.faust_table", share=0.1),
)


def measure(posts: int, rounds: int, *, peers: bool = False, any_core: bool = False, only: str = "") -> list[Row]:
    """All of it. `only`: contestants and parts whose names hold this. Blocks for minutes."""
    contestants = [c for c in (*BARE, *OURS, *PEERS) if only in c.name]
    failures: dict[str, str] = {}
    if peers:
        made, failures = environments.contestants(only)
        contestants += made
    with servers(any_core=any_core) as them:
        them.setup(partitions=str(PARTITIONS))
        run(them, Field(them), OURS[0], posts // 4)  # not counted: the servers' JVMs get warm
        product = _product(them, posts, rounds) if only in PRODUCT else []
        return product + _contest(them, posts, rounds, contestants, failures)


def how(any_core: bool = False) -> str:
    """How the figures came about, for the document."""
    if any_core:
        return f"Everybody on any core; {PARTITIONS} partitions."
    others = ", ".join(map(str, other_cores()))
    return f"Workers on core {WORKER_CORE}, Kafka and Elasticsearch on core {others}; {PARTITIONS} partitions."


def _product(them: Servers, posts: int, rounds: int) -> list[Row]:
    say(f"filling posts.raw with {posts:,} posts")
    produce_campaign(them, posts, streams.SEED)
    known = plan(posts, streams.SEED, streams.start_ms())
    ways = {"hashtide worker, ledger and all": WORKER, "hashtide worker, no ledger's writes": NO_LEDGER}
    expected = {WORKER: known.posts, NO_LEDGER: known.posts + known.duplicates}
    runs: defaultdict[str, list[Drained]] = defaultdict(list)
    wrong: dict[str, str] = {}
    for number in range(rounds):
        for way, command in ways.items():
            done = drain(them, PARTITIONS, command=command, cores=(them.core,))
            counted = them.sum("reply-volume-*")
            if counted != expected[command]:
                wrong[way] = f"WRONG: counted {counted:,} of {expected[command]:,}"
            say(f"round {number + 1}: {way}: {known.posts / done.seconds:,.0f} posts/s")
            runs[way].append(done)
    base = [known.posts / done.seconds for done in runs["hashtide worker, ledger and all"]]
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
    bare, notes_of = BARE[0].name, {contestant.name: contestant.notes for contestant in contestants}
    rows = []
    for title, rates in (("counted", counted), ("in Elasticsearch", sunk)):
        base = statistics.median(rates[bare]) if bare in rates else None
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
    return f"{cpu_s / posts * 1e6:.0f} us of processor a post, {peak_mb:.0f} MB; {more}"


say = partial(print, file=sys.stderr, flush=True)


@click.command()
@click.option("--posts", default=200_000, show_default=True, help="How many posts.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--peers", is_flag=True, help="Also Quix Streams, Bytewax, Pathway and PyFlink, each in a venv.")
@click.option("--any-core", is_flag=True, help="Keep nobody to a core: neither workers nor servers.")
@click.option(
    "--only", default="", help="Only what has this in its name; 'product' is the part with the product's own tagging."
)
@click.option("--write", is_flag=True, help="Put the result into docs/performance.md.")
def main(posts: int, rounds: int, peers: bool, any_core: bool, only: str, write: bool) -> None:
    """Posts a second through the whole pipeline, and the same job on other systems."""
    rows = measure(posts, rounds, peers=peers, any_core=any_core, only=only)
    table.show(rows)
    if write:
        table.write(ANY_CORE if any_core else PART, rows, how(any_core))


if __name__ == "__main__":
    main()
