import hashlib
import json
from collections import Counter

import pytest

from hashtide.contract.messages import Post
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.synthetic import campaign
from producers.synthetic.texts import texts as read_texts
from producers.validation import validate_and_pseudonymise
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.loading import packaged_campaigns

START_MS = 1_508_025_600_000  # 2017-10-15T00:00:00Z
NOW_MS = 1_508_198_400_000  # 48 hours later
HOUR_MS = 3_600_000
ROOT = "919659438700670976"


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """A run of 20,000 posts."""
    return list(campaign.payloads(20_000, 1, START_MS))


@pytest.fixture(scope="module")
def posts(lines: list[bytes]) -> list[Post]:
    """Its distinct valid posts, in order of first arrival."""
    first: dict[str, Post] = {}
    for line in lines:
        outcome = door(line)
        if isinstance(outcome, Post):
            first.setdefault(outcome.post_id, outcome)
    return list(first.values())


def door(line: bytes) -> Post | InvalidPost:
    """The outcome of a line after parsing and validation."""
    [outcome] = formats.parse(line, "native")
    if isinstance(outcome, Post):
        try:
            validate_and_pseudonymise(
                outcome, now_ms=NOW_MS, names=Pseudonyms(Keys(bytes(32))), origin="synthetic", source="campaign"
            )
        except InvalidPost as error:
            return error
    assert isinstance(outcome, Post | InvalidPost)
    return outcome


def hour(post: Post) -> int:
    return (post.created_at_ms - START_MS) // HOUR_MS


def test_plan_has_number_of_lines_of_each_kind() -> None:
    assert campaign.plan(1_299, 1, START_MS) == campaign.CampaignPlan(
        posts=1_299, seed=1, start_ms=START_MS, hours=48, duplicates=12, malformed=6, late=12, unrelated=25
    )
    assert campaign.plan(1_299, 1, START_MS).lines == 1_317
    assert campaign.plan(60_000, 1, START_MS).lines == 60_900
    assert campaign.plan(60_000, 1, START_MS).end_ms == NOW_MS


@pytest.mark.parametrize("number", [1, 99, 100, 199, 200, 1_299])
def test_run_matches_its_plan(number: int) -> None:
    plan = campaign.plan(number, 3, START_MS)
    outcomes = [door(line) for line in campaign.payloads(number, 3, START_MS)]
    ids = [outcome.post_id for outcome in outcomes if isinstance(outcome, Post)]
    assert len(outcomes) == plan.lines
    assert len(set(ids)) == plan.posts == number
    assert len(ids) - len(set(ids)) == plan.duplicates
    assert len(outcomes) - len(ids) == plan.malformed


def test_shares_of_duplicates_and_malformed_lines_are_configurable() -> None:
    clean = campaign.plan(1_000, 1, START_MS, duplicate_every=0, malformed_every=0)
    assert (clean.duplicates, clean.malformed, clean.lines) == (0, 0, 1_000)
    ids = [
        json.loads(line)["id"] for line in campaign.payloads(1_000, 1, START_MS, duplicate_every=0, malformed_every=0)
    ]
    assert len(ids) == len(set(ids)) == 1_000
    dirty = list(campaign.payloads(1_000, 1, START_MS, duplicate_every=2, malformed_every=4))
    assert len(dirty) == 1_750


def test_first_lines_of_a_seed() -> None:
    lines = campaign.payloads(1_000, 1, START_MS)
    assert [next(lines).decode() for _ in range(2)] == [
        '{"id":"919353012583923712","text":"So many answers in so few hours. This has to change. #MeToo",'
        '"created_at":"2017-10-15T00:03:33.610000Z","platform":"x","lang":"en","author_id":"726890800",'
        '"location":"Aotearoa New Zealand","place_country":"NZ"}',
        '{"id":"919364795445018625","text":"Thank you to everyone who is speaking up today. 🙏🏽 #MeToo",'
        '"created_at":"2017-10-15T00:50:22.863000Z","platform":"x","lang":"en","author_id":"1673904427",'
        '"location":"Manchester, England","in_reply_to":"919659438700670976","conversation_id":"919659438700670976"}',
    ]


def test_same_seed_gives_same_bytes_on_every_python() -> None:
    digest = hashlib.sha256(b"\n".join(campaign.payloads(5_000, 7, START_MS, 47))).hexdigest()
    assert digest == "109b38f8e1da6b7d40b21ad74e812832c12788c1d190845a78bb6f5a39e28652"


def test_another_seed_gives_other_posts() -> None:
    one, other = (set(campaign.payloads(199, seed, START_MS)) for seed in (1, 2))
    assert not one & other


def test_generates_lines_lazily() -> None:
    assert json.loads(next(campaign.payloads(10_000_000, 1, START_MS)))["platform"] == "x"


@pytest.mark.parametrize(
    ("posts", "start_ms", "hours"),
    [(0, START_MS, 48), (1, START_MS, 0), (1, 1_288_834_974_656, 48), (1, 3_487_858_230_208, 48)],
)
def test_refuses_invalid_size_duration_or_years(posts: int, start_ms: int, hours: int) -> None:
    with pytest.raises(ValueError, match="a campaign"):
        campaign.payloads(posts, 1, start_ms, hours)


def test_every_post_is_within_the_run_and_its_id_has_its_time(posts: list[Post]) -> None:
    assert min(post.created_at_ms for post in posts) >= START_MS
    assert max(post.created_at_ms for post in posts) < NOW_MS
    for post in posts:
        id_ms = (int(post.post_id) >> 22) + 1_288_834_974_657
        assert id_ms == post.created_at_ms or id_ms // 1000 * 1000 == post.created_at_ms


def test_duplicate_repeats_an_earlier_line_or_post(lines: list[bytes]) -> None:
    seen: dict[str, tuple[bytes, int]] = {}
    same, rewritten, distances = 0, 0, []
    for number, line in enumerate(lines):
        post = door(line)
        if not isinstance(post, Post):
            continue
        if post.post_id not in seen:
            seen[post.post_id] = line, number
            continue
        first, first_number = seen[post.post_id]
        distances.append(number - first_number)
        if line == first:
            same += 1
        else:
            rewritten += 1
            assert in_seconds(line) == in_seconds(first)
    assert (same, rewritten) == (100, 100)
    assert min(distances) < 10
    assert max(distances) > 1_000


def in_seconds(line: bytes) -> dict[str, object]:
    """The content of a line, with its time truncated to the second."""
    post = door(line)
    assert isinstance(post, Post)
    return {name: getattr(post, name) for name in Post.__struct_fields__} | {
        "created_at_ms": post.created_at_ms // 1000
    }


def test_seven_kinds_of_malformed_lines_are_refused_for_their_reasons() -> None:
    outcomes = [door(line) for line in campaign.payloads(70, 1, START_MS, malformed_every=1)]
    assert Counter(outcome.reason for outcome in outcomes if isinstance(outcome, InvalidPost)) == {
        "not-json": 20,
        "not-a-post": 10,
        "no-id": 10,
        "no-time": 10,
        "in-the-future": 10,
        "before-2006": 10,
    }


def test_posts_refer_only_to_the_root_and_valid_posts_of_the_run(posts: list[Post]) -> None:
    known = {None, ROOT} | {post.post_id for post in posts}
    for post in posts:
        assert {post.in_reply_to, post.conversation, post.quoted, post.reposted} <= known


def test_posts_arrive_out_of_order_and_some_are_hours_late(posts: list[Post]) -> None:
    newest, delays = 0, []
    for post in posts:
        newest = max(newest, post.created_at_ms)
        delays.append(newest - post.created_at_ms)
    late = [delay for delay in delays if delay > 15 * 60_000]
    # 200 were sent late. The last posts do not count: nothing newer arrived before them.
    assert 150 < len(late) <= 200
    assert 4 * HOUR_MS < max(late) <= 6 * HOUR_MS
    assert sum(0 < delay <= 15 * 60_000 for delay in delays) > 1_000


def test_bursts_at_hour_5_and_a_day_later_after_a_quiet_start(posts: list[Post]) -> None:
    hours = Counter(map(hour, posts))
    assert sum(hours[quiet] for quiet in range(4)) < 200
    assert max(hours, key=hours.__getitem__) == 5
    assert hours[5] > 2_000
    assert max(range(24, 48), key=hours.__getitem__) == 29
    assert hours[29] > 1_000
    assert set(hours) == set(range(48))


def test_course_scales_with_the_hours() -> None:
    posts = [json.loads(line) for line in campaign.payloads(4_000, 1, START_MS, 96, malformed_every=0)]
    hours = Counter(((int(post["id"]) >> 22) + 1_288_834_974_657 - START_MS) // HOUR_MS for post in posts)
    assert max(hours, key=hours.__getitem__) in (10, 11)
    assert max(hours) == 95


@pytest.mark.parametrize(
    ("languages", "peak"),
    [({"it"}, 9), ({"fr"}, 11), ({"sv", "no", "da", "fi"}, 17), ({"hi", "ur"}, 23), ({"pl", "cs", "hu"}, 41)],
)
def test_a_region_has_its_own_burst(posts: list[Post], languages: set[str], peak: int) -> None:
    everybody = Counter(map(hour, posts))
    theirs = Counter(hour(post) for post in posts if post.lang in languages)
    share = {h: theirs[h] / everybody[h] for h in range(4, 48)}
    assert max(share, key=share.__getitem__) in (peak - 1, peak, peak + 1)


def test_posts_are_in_25_languages_mostly_detected_by_platform(posts: list[Post]) -> None:
    codes = {language.code for language in read_texts().languages}
    said = Counter(post.lang for post in posts)
    assert len(codes) == 25
    assert min(said[code] for code in codes) > 100
    assert 0.75 < sum(said[code] for code in codes) / len(posts) < 0.9
    assert said["und"] > 500
    assert said[None] > 500
    assert said["tl"] > 50


def test_few_authors_post_often_and_each_has_one_profile(posts: list[Post]) -> None:
    authors = Counter(post.author for post in posts)
    assert 0.4 < len(authors) / len(posts) < 0.7
    assert authors.most_common(1)[0][1] > 20
    assert len({(post.author, post.location) for post in posts}) == len(authors)


def test_locations_are_in_profiles_places_or_coordinates_or_missing(posts: list[Post]) -> None:
    assert {"東京", "Москва", "القاهرة، مصر", "NYC", "somewhere over the rainbow", None} <= {p.location for p in posts}
    assert len({post.place_country for post in posts}) > 30
    assert 200 < sum(post.coordinates is not None for post in posts) < 400
    assert all(post.place_country for post in posts if post.coordinates)


def test_most_posts_are_replies_to_the_root_and_all_kinds_occur(posts: list[Post]) -> None:
    kinds = Counter(
        "direct reply" if post.in_reply_to == ROOT
        else "nested reply" if post.conversation == ROOT
        else "other reply" if post.in_reply_to
        else "quote" if post.quoted
        else "repost" if post.reposted
        else "original"
        for post in posts
    )  # fmt: skip
    assert {kind: round(number / len(posts), 2) for kind, number in kinds.items()} == {
        "direct reply": 0.57,
        "nested reply": 0.14,
        "original": 0.16,
        "quote": 0.06,
        "repost": 0.06,
        "other reply": 0.02,
    }


def test_repost_has_text_of_original(posts: list[Post]) -> None:
    texts = {post.post_id: post.text for post in posts}
    reposts = [post for post in posts if post.reposted in texts]
    assert len(reposts) > 500
    assert all(post.text == texts[post.reposted] for post in reposts if post.reposted)


def test_only_unrelated_posts_belong_to_no_campaign(posts: list[Post]) -> None:
    campaigns = Campaigns(packaged_campaigns())
    matches = [campaigns.match(post, hashtags.of_post(post)) for post in posts]
    assert matches.count(()) == campaign.plan(20_000, 1, START_MS).unrelated == 400
    why = Counter(reason for match in matches for found in match for reason in found.why)
    assert set(why) == {"tag", "counter-tag", "root-reply", "quote-of-root", "repost-of-root", "phrase"}


def test_texts_communities_and_waves_are_consistent() -> None:
    codes = [language.code for language in read_texts().languages]
    names = [community.name for community in read_texts().communities]
    assert len(set(codes)) == len(codes)
    assert {name[:2] for name in names} == set(codes)
    assert {name for wave in read_texts().waves for name in wave.communities} <= set(names)
    for language in read_texts().languages:
        for text in language.support + language.everyday:
            assert hashtags.extract(text) == ()
        for tag in language.tags + language.side_tags:
            assert hashtags.extract("#" + tag) == (tag,)
