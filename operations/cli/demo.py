"""`hashtide demo`. Needs the extra `local`."""

import sys

import click


@click.command()
@click.option(
    "--posts", type=click.IntRange(1000, 1_000_000), default=60_000, show_default=True, help="How many posts."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same posts.")
@click.option("--keep", is_flag=True, help="Then serve the page of `hashtide watch` until Ctrl-C.")
def demo(posts: int, seed: int, keep: bool) -> None:
    """Run the whole pipeline here, with a made-up campaign.

    Starts real servers, sends two days of posts and prints the counts. Leaves nothing behind. The first run downloads
    the servers' jars (about 100 MB). The exit status is 0 if every post is accounted for.
    """
    from deploy.local import needs

    needs.check()
    from operations.demo.run import run

    sys.exit(run(posts, seed, keep))
