"""X API v2: filtered-stream lines, pages, single tweets, edits and compliance events."""

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
from producers.formats import parse
from tests.unit.producers.formats.fixtures import X_V1, X_V2, X_V2_EDITED, X_V2_RETWEET, Json, line, only, reason


def with_data(payload: Json, **changes: object) -> Json:
    return payload | {"data": payload["data"] | changes}


def test_filtered_stream_line() -> None:
    assert only(X_V2, "x-v2", Post) == Post(
        platform="x",
        post_id="1377650000000000001",
        created_at_ms=1617292422000,
        text="Me too, & my sister too. #MeToo #YoTambien",
        author="77001",
        in_reply_to="1377640000000000009",
        conversation="1377640000000000009",
        hashtags=("MeToo", "YoTambien"),
        lang="en",
        coordinates=(-8.61, 41.15),
        place_country="PT",
        location="Porto, Portugal",
    )


def test_tweet_without_includes() -> None:
    post = only(X_V2["data"], "x-v2", Post)
    assert (post.post_id, post.author, post.location, post.place_country) == (
        "1377650000000000001",
        "77001",
        None,
        None,
    )


def test_flattened_tweet_gives_the_same_post() -> None:
    includes, data = X_V2["includes"], X_V2["data"]
    flat = data | {
        "author": includes["users"][0],
        "in_reply_to_user": includes["users"][1],
        "geo": data["geo"] | includes["places"][0],
        "referenced_tweets": [{"type": "replied_to"} | includes["tweets"][0]],
    }
    assert parse(line(flat)) == parse(line(X_V2))
    includes, data = X_V2_RETWEET["includes"], X_V2_RETWEET["data"]
    flat = data | {
        "author": includes["users"][0],
        "referenced_tweets": [{"type": "retweeted"} | includes["tweets"][0] | {"author": {}}],
    }
    assert parse(line(flat)) == parse(line(X_V2_RETWEET))


@pytest.mark.parametrize("includes", [None, {}, {"users": None}, {"users": [{"id": "1"}], "places": []}])
def test_accepts_missing_author_or_place(includes: Json | None) -> None:
    post = only(X_V2 | {"includes": includes}, "x-v2", Post)
    assert (post.author, post.location, post.place_country) == ("77001", None, None)


def test_mention_is_not_a_reply() -> None:
    post = only(with_data(X_V2, referenced_tweets=None), "x-v2", Post)
    assert (post.in_reply_to, post.conversation) == (None, "1377640000000000009")


def test_reply_can_also_be_a_quote() -> None:
    both = [{"type": "replied_to", "id": "1"}, {"type": "quoted", "id": "2"}]
    post = only(with_data(X_V2, referenced_tweets=both), "x-v2", Post)
    assert (post.in_reply_to, post.quoted, post.reposted) == ("1", "2", None)


def test_retweet_has_text_tags_and_language_of_original() -> None:
    assert only(X_V2_RETWEET, "x-v2", Post) == Post(
        platform="x",
        post_id="1377650000000000002",
        created_at_ms=1617292500000,
        text="Me too, & my sister too, and nobody asked us for years, and we did not ask one another either. "
        "#MeToo #FuoriSalone",
        author="77003",
        conversation="1377650000000000002",
        reposted="1377650000000000001",
        hashtags=("MeToo", "FuoriSalone"),
        lang="pt",
        location="Lyon",
    )


def test_drops_cut_tag_of_retweet_without_original() -> None:
    post = only(X_V2_RETWEET | {"includes": {}}, "x-v2", Post)
    assert post.text == (
        "Me too, & my sister too, and nobody asked us for years, and we did not ask one another either. #MeToo …"
    )
    assert (post.reposted, post.hashtags, post.lang) == ("1377650000000000001", ("MeToo",), "en")


@pytest.mark.parametrize(
    ("text", "listed", "kept_text", "kept"),
    [
        ("RT @a: whole #MeToo", ["MeToo"], "whole #MeToo", ("MeToo",)),
        ("RT @a: whole #MeToo …", ["MeToo"], "whole #MeToo …", ("MeToo",)),
        ("RT @a: cut #MeToo #MeToo…", ["MeToo", "MeToo"], "cut #MeToo …", ("MeToo",)),
        ("RT @a: cut #मीटू…", ["मीटू"], "cut …", ()),
        ("RT @a: cut #MeT…", [], "cut …", ()),
        ("RT @a: cut #MeToo.an…", ["MeToo"], "cut #MeToo.an…", ("MeToo",)),
        ("no prefix… and more #MeToo", ["MeToo"], "no prefix… and more #MeToo", ("MeToo",)),
    ],
)
def test_tag_is_cut_only_at_the_last_ellipsis(
    text: str, listed: list[str], kept_text: str, kept: tuple[str, ...]
) -> None:
    retweet = with_data(X_V2_RETWEET, text=text, entities={"hashtags": [{"tag": tag} for tag in listed]})
    post = only(retweet | {"includes": {}}, "x-v2", Post)
    assert (post.text, post.hashtags) == (kept_text, kept)


def test_ellipsis_by_author_does_not_cut_tag() -> None:
    tweet = with_data(X_V2, text="at last #MeToo…", entities={"hashtags": [{"tag": "MeToo"}]})
    assert only(tweet, "x-v2", Post).hashtags == ("MeToo",)


def test_reads_long_tweet_from_note_tweet() -> None:
    note = {"text": "a very long text &gt; 280 #MeToo #MoiAussi", "entities": {"hashtags": [{"tag": "MoiAussi"}]}}
    post = only(with_data(X_V2, note_tweet=note), "x-v2", Post)
    assert (post.text, post.hashtags) == ("a very long text > 280 #MeToo #MoiAussi", ("MoiAussi",))


def test_note_without_entities_uses_those_of_the_tweet() -> None:
    post = only(with_data(X_V2, note_tweet={"text": "long"}), "x-v2", Post)
    assert (post.text, post.hashtags) == ("long", ("MeToo", "YoTambien"))


def test_entities_without_hashtags_mean_no_tags_but_missing_entities_mean_unknown() -> None:
    assert only(with_data(X_V2, entities={"urls": []}), "x-v2", Post).hashtags == ()
    assert only(with_data(X_V2, entities=None), "x-v2", Post).hashtags is None


def test_edit_has_id_and_time_of_first_version() -> None:
    edit = only(X_V2_EDITED, "x-v2", PostEdit)
    assert (edit.post.post_id, edit.post.created_at_ms, edit.post.conversation, edit.edited_at_ms, edit.post.text) == (
        "1576994746135764992",
        1664819821000,
        "1576994746135764992",
        1664819831000,
        "Me too, second try",
    )


@pytest.mark.parametrize("history", [None, [], ["1576994789110992896"], ["1576994789110992896", "1576994999999999999"]])
def test_first_version_with_edit_history_is_a_post(history: list[str] | None) -> None:
    assert only(with_data(X_V2_EDITED, edit_history_tweet_ids=history), "x-v2", Post).created_at_ms == 1664819831000


@pytest.mark.parametrize("first", ["not-a-number", "12", "9" * 19, "9" * 30])
def test_edit_uses_its_own_time_if_first_id_has_none(first: str) -> None:
    edit = only(with_data(X_V2_EDITED, edit_history_tweet_ids=[first, "1576994789110992896"]), "x-v2", PostEdit)
    assert (edit.post.post_id, edit.post.created_at_ms) == (first, 1664819831000)


def test_edited_reply_stays_in_its_thread() -> None:
    edited = with_data(X_V2_EDITED, conversation_id="5", referenced_tweets=[{"type": "replied_to", "id": "5"}])
    assert only(edited, "x-v2", PostEdit).post.conversation == "5"


def test_withheld_tweet_is_a_post() -> None:
    withheld = with_data(X_V2, withheld={"copyright": False, "country_codes": ["DE"], "scope": "tweet"})
    assert only(withheld, "x-v2", Post) == only(X_V2, "x-v2", Post)


def test_both_api_versions_give_the_same_post() -> None:
    v1 = only(X_V1 | {"id_str": "1377650000000000001", "created_at": "Thu Apr 01 15:53:42 +0000 2021"}, "x-v1", Post)
    v2 = only(X_V2, "x-v2", Post)
    assert (v1.platform, v1.post_id, v1.created_at_ms, v1.text, v1.hashtags) == (
        v2.platform,
        v2.post_id,
        v2.created_at_ms,
        v2.text,
        v2.hashtags,
    )


def test_each_invalid_tweet_of_a_page_has_its_own_error() -> None:
    good = X_V2["data"]
    page = X_V2 | {
        "data": [good, good | {"id": None}, "no tweet", good | {"created_at": "?"}, {}, good | {"id": "2"}],
        "errors": [{"title": "Not Found Error", "resource_id": "5"}],
        "meta": {"result_count": 6},
    }
    outcomes = parse(line(page), "x-v2")
    assert [getattr(outcome, "reason", None) or getattr(outcome, "post_id", None) for outcome in outcomes] == [
        "1377650000000000001",
        "no-id",
        "wrong-type",
        "no-time",
        "no-id",
        "2",
    ]
    assert [outcome.location for outcome in outcomes if isinstance(outcome, Post)] == ["Porto, Portugal"] * 2


@pytest.mark.parametrize(
    ("payload", "control"),
    [
        ({"errors": [{"title": "Not Found Error", "detail": "no such tweet"}]}, "error"),
        ({"data": None, "errors": [{"title": "Not Found Error"}]}, "error"),
        (
            {
                "errors": [
                    {
                        "title": "operational-disconnect",
                        "disconnect_type": "UpstreamOperationalDisconnect",
                        "type": "https://api.twitter.com/2/problems/operational-disconnect",
                    }
                ]
            },
            "disconnect",
        ),
        ({"title": "ConnectionException", "connection_issue": "TooManyConnections"}, "error"),
        ({"meta": {"result_count": 0}}, "empty-page"),
        ({"data": [], "meta": {"result_count": 0}}, "empty-page"),
        ({"data": {"withheld": {"tweet": {"id": "1"}, "event_at": "2022-01-01T00:00:00Z"}}}, "withheld"),
        ({"data": {"drop": {"tweet": {"id": "1"}}}}, "drop"),
        ({"data": {"tweet_edit": {"tweet": {"id": "1"}}}}, "tweet_edit"),
        ({"data": {"scrub_geo": {"user": {"id": "1"}}}}, "scrub_geo"),
        ({"data": {"user_delete": {"user": {"id": "1"}}}}, "user_delete"),
        ({"id": "1", "action": "scrub_geo"}, "scrub_geo"),
        ({"id": "1", "action": "something-new"}, "compliance"),
    ],
)
def test_other_valid_messages_are_control(payload: Json, control: str) -> None:
    assert only(payload, "x-v2", Control) == Control(control)


@pytest.mark.parametrize(
    ("payload", "deletion"),
    [
        (
            {"data": {"delete": {"tweet": {"id": "60", "author_id": "3"}, "event_at": "2022-12-23T12:34:56.789Z"}}},
            PostDelete(platform="x", post_id="60", deleted_at_ms=1671798896789),
        ),
        ({"data": {"tweet_delete": {"tweet": {"id": "60"}}}}, PostDelete(platform="x", post_id="60")),
        (
            {"id": "60", "action": "delete", "created_at": "2019-09-06T17:25:54.667Z", "reason": "protected"},
            PostDelete(platform="x", post_id="60"),
        ),
        (
            {"id": "60", "action": "delete", "redacted_at": "2021-08-17T17:26:15.788Z", "reason": "deactivated"},
            PostDelete(platform="x", post_id="60", deleted_at_ms=1629221175788),
        ),
    ],
)
def test_compliance_deletions_delete(payload: Json, deletion: PostDelete) -> None:
    assert only(payload, "x-v2", PostDelete) == deletion


@pytest.mark.parametrize(
    ("change", "refused_as"),
    [
        ({"id": None}, "no-id"),
        ({"text": None}, "no-text"),
        ({"created_at": None}, "no-time"),
        ({"id": 1.0}, "wrong-type"),
        ({"entities": []}, "wrong-type"),
        ({"referenced_tweets": [{"type": "quoted", "id": "q" * 513}]}, "too-large"),
    ],
)
def test_error_names_what_is_wrong_with_a_tweet(change: Json, refused_as: str) -> None:
    assert reason(with_data(X_V2, **change), "x-v2") == refused_as


@pytest.mark.parametrize(
    "payload", [{"data": 5}, {"data": {}}, {"data": {"delete": {}}}, {"id": "", "action": "delete"}]
)
def test_refuses_empty_envelope(payload: Json) -> None:
    assert reason(payload, "x-v2") in ("wrong-type", "no-id")
