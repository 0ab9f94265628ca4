"""X API v1.1, as written by its streaming and REST APIs and kept in archives."""

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats import parse
from tests.unit.producers.formats.fixtures import X_V1, X_V1_EXTENDED, Json, line, only, reason


def without(payload: Json, *keys: str) -> Json:
    return {key: value for key, value in payload.items() if key not in keys}


def test_a_short_tweet() -> None:
    assert only(X_V1, "x-v1", Post) == Post(
        platform="x",
        post_id="919660000000000001",
        created_at_ms=1508100067000,
        text="Me too, & my sister too. #MeToo #YoTambien",
        author="77001000000000001",
        hashtags=("MeToo", "YoTambien"),
        lang="en",
        location="Porto, Portugal",
    )


def test_reads_long_streamed_tweet_from_extended_tweet() -> None:
    assert only(X_V1_EXTENDED, "x-v1", Post) == Post(
        platform="x",
        post_id="919660000000000001",
        created_at_ms=1508100067000,
        text="At nineteen, in my first week at work. I told nobody, since nobody would have listened. "
        "Now I say it here & aloud. #MeToo #MoiAussi",
        author="77001000000000001",
        in_reply_to="919659438700670976",
        hashtags=("MeToo", "MoiAussi"),
        lang="en",
        coordinates=(-8.61, 41.15),
        place_country="PT",
        location="Porto, Portugal",
    )


def test_reads_extended_rest_tweet_from_full_text() -> None:
    extended = without(X_V1, "text") | {
        "full_text": "@first Me too &lt;3 https://t.co/e",
        "display_text_range": [7, 19],
    }
    assert only(extended, "x-v1", Post).text == "Me too <3"


@pytest.mark.parametrize("display_range", [None, [], [7], [7, 999], [9, 7], [-1, 4]])
def test_ignores_invalid_display_range(display_range: list[int] | None) -> None:
    tweet = X_V1 | {"text": "@first me too", "display_text_range": display_range}
    assert only(tweet, "x-v1", Post).text == "@first me too"


def test_drops_cut_tag_of_truncated_tweet() -> None:
    cut = X_V1 | {
        "truncated": True,
        "text": "So many words about it that they do not fit #MeToo #FuoriSal… https://t.co/aaaaaaaaaa",
        "entities": {"hashtags": [{"text": "MeToo"}, {"text": "FuoriSal"}]},
    }
    post = only(cut, "x-v1", Post)
    assert post.text == "So many words about it that they do not fit #MeToo … https://t.co/aaaaaaaaaa"
    assert post.hashtags == ("MeToo",)


def test_retweet_has_text_tags_and_language_of_original() -> None:
    retweet = X_V1 | {
        "id_str": "919660000000000002",
        "text": "RT @ines_invented: At nineteen, in my first week at work. I told nobody, since nob…",
        "entities": {"hashtags": []},
        "lang": "und",
        "quoted_status_id_str": "77",
        "retweeted_status": X_V1_EXTENDED | {"lang": "pt", "quoted_status_id_str": "77"},
    }
    post = only(retweet, "x-v1", Post)
    assert post.text.startswith("At nineteen, in my first week")
    assert (post.post_id, post.reposted, post.hashtags, post.lang, post.quoted, post.in_reply_to) == (
        "919660000000000002",
        "919660000000000001",
        ("MeToo", "MoiAussi"),
        "pt",
        None,
        None,
    )


def test_quote_keeps_its_text_and_names_quoted_post() -> None:
    quote = X_V1 | {"quoted_status_id_str": "77", "quoted_status": X_V1_EXTENDED | {"id_str": "77"}}
    post = only(quote, "x-v1", Post)
    assert (post.quoted, post.text) == ("77", "Me too, & my sister too. #MeToo #YoTambien")


def test_mention_is_not_a_reply() -> None:
    assert only(X_V1 | {"in_reply_to_user_id_str": "77002"}, "x-v1", Post).in_reply_to is None


def test_prefers_string_ids_over_rounded_numbers() -> None:
    post = only(X_V1 | {"in_reply_to_status_id": 919659438700671000, "in_reply_to_status_id_str": "9"}, "x-v1", Post)
    assert (post.post_id, post.in_reply_to) == ("919660000000000001", "9")
    assert only(without(X_V1, "id_str"), "x-v1", Post).post_id == "919660000000000000"


def test_accepts_tweet_without_user_entities_or_language() -> None:
    post = only(without(X_V1, "user", "entities", "lang"), "x-v1", Post)
    assert (post.author, post.hashtags, post.lang, post.location) == (None, None, None, None)


@pytest.mark.parametrize(
    "edited",
    [
        {"edit_history": {"initial_tweet_id": "1576994746135764992", "edit_tweet_ids": ["1576994746135764992"]}},
        {"ext_edit_control": {"edit": {"initial_tweet_id": "1576994746135764992"}}},
    ],
)
def test_edit_replaces_first_version(edited: Json) -> None:
    tweet = X_V1 | {"id_str": "1576994789110992896", "created_at": "Mon Oct 03 17:57:11 +0000 2022"}
    edit = only(tweet | edited, "x-v1", PostEdit)
    assert (edit.post.post_id, edit.post.created_at_ms, edit.edited_at_ms) == (
        "1576994746135764992",
        1664819821000,
        1664819831000,
    )


def test_first_version_with_edit_history_is_a_post() -> None:
    only(X_V1 | {"ext_edit_control": {"initial": {"edit_tweet_ids": ["919660000000000001"]}}}, "x-v1", Post)


@pytest.mark.parametrize(
    ("notice", "control"),
    [
        ({"limit": {"track": 1234, "timestamp_ms": "1508100067512"}}, Control("limit", estimated_loss=1234)),
        ({"limit": {}}, Control("limit")),
        ({"scrub_geo": {"user_id": 1, "up_to_status_id": 2}}, Control("scrub_geo")),
        ({"status_withheld": {"id": 1, "withheld_in_countries": ["DE"]}}, Control("status_withheld")),
        ({"user_withheld": {"id": 1, "withheld_in_countries": ["DE"]}}, Control("user_withheld")),
        ({"warning": {"code": "FALLING_BEHIND", "percent_full": 60}}, Control("warning")),
        ({"disconnect": {"code": 4, "stream_name": "", "reason": ""}}, Control("disconnect")),
        ({"friends": [1, 2]}, Control("friends")),
        ({"delete": {"favorite": {"id": 1}}}, Control("delete")),
        ({"errors": [{"code": 34, "message": "no"}]}, Control("error")),
        ({"statuses": [], "search_metadata": {}}, Control("empty-page")),
    ],
)
def test_control_messages_are_not_dead_letters(notice: Json, control: Control) -> None:
    assert parse(line(notice), "x-v1") == [control]


@pytest.mark.parametrize(
    ("notice", "deletion"),
    [
        (
            {"delete": {"status": {"id": 1234, "id_str": "1234", "user_id": 3}, "timestamp_ms": "1508100067512"}},
            PostDelete(platform="x", post_id="1234", deleted_at_ms=1508100067512),
        ),
        ({"delete": {"status": {"id": 1234}}}, PostDelete(platform="x", post_id="1234")),
    ],
)
def test_deletion_notice_deletes(notice: Json, deletion: PostDelete) -> None:
    assert parse(line(notice), "x-v1") == [deletion]


def test_each_invalid_tweet_of_a_page_has_its_own_error() -> None:
    outcomes = parse(line({"statuses": [X_V1, X_V1 | {"created_at": None}, 5], "search_metadata": {}}), "x-v1")
    assert [getattr(outcome, "reason", type(outcome)) for outcome in outcomes] == [Post, "no-time", "wrong-type"]


def test_error_names_activity_streams() -> None:
    activity = {
        "id": "tag:search.twitter.com,2005:919660000000000001",
        "objectType": "activity",
        "verb": "post",
        "postedTime": "2017-10-15T20:41:07.000Z",
        "body": "Me too",
    }
    refused = only(activity, "x-v1", InvalidPost)
    assert (refused.reason, "Activity Streams" in refused.detail) == ("unsupported-format", True)


@pytest.mark.parametrize(
    ("change", "refused_as"),
    [
        ({"id": None, "id_str": None}, "no-id"),
        ({"created_at": None}, "no-time"),
        ({"created_at": "Sun Oct 15"}, "no-time"),
        ({"text": None}, "no-text"),
        ({"text": ["Me too"]}, "wrong-type"),
        ({"id_str": 9.1966e17}, "wrong-type"),
        ({"user": "ines"}, "wrong-type"),
        ({"retweeted_status": {"text": "no id"}}, "no-id"),
        ({"retweeted_status": {"id_str": "1"}}, "no-text"),
    ],
)
def test_error_names_what_is_wrong_with_a_tweet(change: Json, refused_as: str) -> None:
    assert reason(X_V1 | change, "x-v1") == refused_as
