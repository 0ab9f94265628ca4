"""How fast posts are tagged, by step, on one core: `python -m benchmarks.enrich`.

Machines differ, and so do minutes on one machine: every figure also stands as a ratio to a loop of plain Python that
runs right beside it. Compare those. The stream is made up, with a seed, to be as a campaign's is: a fifth of its posts
has no words, two fifths are reposts of few posts, a tenth answers with one of few formulas, and the rest is said by
nobody else. No platform has named a language, so all of them are detected: the slow way.
"""

import random
import time
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from benchmarks.quality.sets import languages, profiles
from producers.contract import Post
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaigns, load
from stream_jobs.domain.detector import Detector
from stream_jobs.domain.enrich import Enricher
from stream_jobs.domain.language import Languages, clean
from stream_jobs.domain.profile import Profiles
from stream_jobs.domain.region import Regions

T = TypeVar("T")

POSTS = 20_000
ROOT = "919659438700670976"
FORMULAS = ("me too", "Me too.", "ME TOO!!", "yo también", "moi aussi", "same here", "I believe you", "so sorry")


def main() -> None:
    posts = campaign_stream(random.Random(7))
    campaigns = Campaigns(load(Path(str(files("deploy") / "campaigns"))))
    tagged = [(post, hashtags.of_post(post)) for post in posts]
    cleaned = [words for post in posts if (words := clean(post.text))]
    new = list(dict.fromkeys(cleaned))
    locations = list(dict.fromkeys(post.location for post in posts if post.location))

    print(f"{POSTS} posts, {len(cleaned)} with words, {len(new)} of these said for the first time\n")
    print(f"{'step':<40}{'a second':>12}{'ratio':>10}")
    measure("hashtags out of the text", hashtags.of_post, posts)
    measure("campaigns", lambda pair: campaigns.match(*pair), tagged)
    measure("language: cleaning", clean, [post.text for post in posts])
    measure("language: each text anew", Detector().detect, new)
    detected = Languages()
    measure("language: the stream, with its repeats", lambda post: detected.tag(post.text, None), posts)
    measure("language: named by the platform", lambda post: detected.tag(post.text, "in"), posts)
    measure("region: each profile anew", Profiles().country, locations)
    regions = Regions()
    measure("region: the stream's profiles", lambda post: regions.tag(None, None, post.location), posts)
    measure("region: coordinates", lambda _: regions.tag((13.405, 52.52), None, None), posts)
    enricher = Enricher(campaigns)
    measure("all of it", enricher.enrich, posts)


def measure(name: str, step: Callable[[T], object], inputs: list[T]) -> None:
    """Once over the inputs, in processor time, as a worker meets them: what comes again has been seen before."""
    started = time.process_time()
    loops = sum(1 for _ in range(200_000))
    a_second = loops / (time.process_time() - started)
    started = time.process_time()
    for value in inputs:
        step(value)
    rate = len(inputs) / (time.process_time() - started)
    print(f"{name:<40}{rate:>12,.0f}{rate / a_second:>10.4f}", flush=True)


def campaign_stream(chance: random.Random) -> list[Post]:
    """Posts of a campaign, in no order of time."""
    originals = [new_text(chance) for _ in range(400)]
    places = [text for _, text in profiles()]
    posts = []
    for number in range(POSTS):
        kind = chance.random()
        if kind < 0.4:  # few posts are reposted often
            text = originals[int(len(originals) * chance.random() ** 3)]
        elif kind < 0.6:
            text = chance.choice(
                ("#MeToo", "#MeToo #YoTambién", "@lou_p #MeToo 😔", "😭😭 #MeToo https://t.co/Ab12Cd34Ef")
            )
        elif kind < 0.7:
            text = f"@user{number} {chance.choice(FORMULAS)}"
        else:
            text = new_text(chance)
        posts.append(
            Post(
                platform="x",
                post_id=str(number),
                created_at_ms=1_508_090_000_000 + number,
                text=text,
                in_reply_to=ROOT if chance.random() < 0.5 else None,
                location=chance.choice(places) if chance.random() < 0.6 else None,
            )
        )
    return posts


def new_text(chance: random.Random) -> str:
    """A text that nobody else wrote: the halves of two of one language, every second one in English."""
    spoken = chance.choice(LANGUAGES) if chance.random() < 0.5 else "en"
    first, second = chance.choice(TEXTS[spoken]).split(), chance.choice(TEXTS[spoken]).split()
    return " ".join((*first[: len(first) // 2 + 1], *second[len(second) // 2 :], "#MeToo"))


def by_language(cases: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for language, text in cases:
        texts.setdefault(language, []).append(text)
    return texts


TEXTS = by_language(languages())
LANGUAGES = sorted(TEXTS)

if __name__ == "__main__":
    main()
