"""Mastodon: statuses, reblogs, edits, quotes, and the events of its streaming API."""

import json

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats import mastodon, parse
from tests.unit.producers.formats.fixtures import MASTODON, MASTODON_REBLOG, Json, line, only, reason

URI = "https://first.example/users/ines/statuses/117020581259486622"


def test_a_status() -> None:
    assert only(MASTODON, "mastodon", Post) == Post(
        platform="mastodon",
        post_id=URI,
        created_at_ms=1785592365123,
        text="Me too, & my sister too. #MeToo",
        author="https://first.example/users/ines",
        hashtags=("metoo",),
        lang="en",
        lang_by="author",
    )


def test_post_seen_on_two_instances_has_the_same_id() -> None:
    elsewhere = MASTODON | {"id": "99", "url": "https://second.example/@ines@first.example/99"}
    assert only(elsewhere, "mastodon", Post) == only(MASTODON, "mastodon", Post)


def test_reblog_has_text_tags_and_language_of_original() -> None:
    post = only(MASTODON_REBLOG, "mastodon", Post)
    assert post == Post(
        platform="mastodon",
        post_id="https://second.example/users/otto/statuses/117020590000000000/activity",
        created_at_ms=1785592800000,
        text="Me too, & my sister too. #MeToo",
        author="https://second.example/users/otto",
        reposted=URI,
        hashtags=("metoo",),
        lang="en",
        lang_by="author",
    )


def test_content_warning_is_part_of_the_text() -> None:
    assert only(MASTODON | {"spoiler_text": "CW: harassment"}, "mastodon", Post).text == (
        "CW: harassment\n\nMe too, & my sister too. #MeToo"
    )


def test_picture_without_text_is_a_post_with_empty_text() -> None:
    assert only(MASTODON | {"content": "", "tags": []}, "mastodon", Post).text == ""


def test_unset_language_is_none() -> None:
    assert only(MASTODON | {"language": None}, "mastodon", Post).lang is None


@pytest.mark.parametrize("visibility", ["private", "direct", "limited", None])
def test_accepts_only_public_and_unlisted_posts(visibility: str | None) -> None:
    only(MASTODON | {"visibility": "unlisted"}, "mastodon", Post)
    assert reason(MASTODON | {"visibility": visibility}, "mastodon") == "private"
    assert reason(MASTODON_REBLOG | {"reblog": MASTODON | {"visibility": visibility}}, "mastodon") == "private"


def test_status_with_edit_time_is_an_edit() -> None:
    edit = only(MASTODON | {"edited_at": "2026-08-01T15:00:00.000Z"}, "mastodon", PostEdit)
    assert (edit.post, edit.edited_at_ms) == (only(MASTODON, "mastodon", Post), 1785596400000)


@pytest.mark.parametrize(
    ("quote", "quoted"),
    [
        (None, None),
        ({"state": "accepted", "quoted_status": MASTODON | {"uri": "https://a.example/1"}}, "https://a.example/1"),
        ({"state": "pending", "quoted_status": None}, None),
        ({"state": "accepted", "quoted_status_id": "4"}, "https://a.example/4"),
        ({"state": "accepted", "quoted_status_id": "5"}, "5"),
        (MASTODON | {"uri": "https://a.example/1"}, "https://a.example/1"),
        (True, None),
        ({"quoted_status": {"uri": 5}}, None),
    ],
)
def test_quote_names_quoted_post_if_known(quote: object, quoted: str | None) -> None:
    [post] = mastodon.parse(line(MASTODON | {"quote": quote}), {"4": "https://a.example/4"})
    assert isinstance(post, Post)
    assert post.quoted == quoted


def test_reply_and_deletion_use_uri_seen_on_their_instance() -> None:
    uris: dict[str, str] = {}
    mastodon.parse(line(MASTODON_REBLOG), uris)
    assert uris == {
        "117020590000000000": "https://second.example/users/otto/statuses/117020590000000000/activity",
        "117020581259486622": URI,
    }
    reply = MASTODON | {"id": "8", "uri": "https://a.example/8", "in_reply_to_id": "117020581259486622"}
    [post] = mastodon.parse(line(reply), uris)
    assert isinstance(post, Post)
    assert post.in_reply_to == URI
    assert mastodon.parse(b"event: delete\ndata: 8", uris) == [
        PostDelete(platform="mastodon", post_id="https://a.example/8")
    ]


def test_keeps_local_ids_without_mapping() -> None:
    assert only(MASTODON | {"in_reply_to_id": "7"}, "mastodon", Post).in_reply_to == "7"
    assert only(b"event: delete\ndata: 7", "mastodon", PostDelete).post_id == "7"


def test_reads_transcript_line_by_line() -> None:
    transcript = b":)\nevent: update\ndata: %b\n\n:thump\n:\nevent: delete\ndata: 117020581259486622\n\n" % line(
        MASTODON
    )
    outcomes = [outcome for payload in transcript.split(b"\n") for outcome in parse(payload, "mastodon")]
    assert outcomes == [
        Control("keep-alive"),
        Control("event-name"),
        only(MASTODON, "mastodon", Post),
        Control("keep-alive"),
        Control("keep-alive"),
        Control("keep-alive"),
        Control("event-name"),
        PostDelete(platform="mastodon", post_id="117020581259486622"),
        Control("keep-alive"),
        Control("keep-alive"),
    ]


def test_reads_whole_event() -> None:
    assert parse(b"event: update\r\ndata: %b\r\n\r\n" % line(MASTODON), "mastodon") == [
        only(MASTODON, "mastodon", Post)
    ]


def test_joins_data_of_several_lines() -> None:
    head, tail = line(MASTODON).split(b",", 1)
    assert parse(b"event: update\ndata: %b,\ndata: %b" % (head, tail), "mastodon") == [only(MASTODON, "mastodon", Post)]


def test_unicode_line_separator_does_not_end_a_line() -> None:
    status = line(MASTODON | {"content": "<p>one\u2028two</p>"})
    assert only(b"data: " + status, "mastodon", Post).text == "one\u2028two"


def test_status_update_without_edit_time_is_an_edit() -> None:
    edit = only(b"event: status.update\ndata: " + line(MASTODON), "mastodon", PostEdit)
    assert (edit.post, edit.edited_at_ms) == (only(MASTODON, "mastodon", Post), 1785592365123)


@pytest.mark.parametrize(
    ("name", "data", "outcome"),
    [
        ("update", MASTODON, only(MASTODON, "mastodon", Post)),
        ("delete", "7", PostDelete(platform="mastodon", post_id="7")),
        ("notification", {"id": "1", "type": "favourite"}, Control("notification")),
        ("conversation", {"id": "7"}, Control("conversation")),
        ("filters_changed", None, Control("filters_changed")),
        ("announcement.delete", "7", Control("announcement.delete")),
        ("something.new", {"id": "7"}, Control("other-event")),
    ],
)
def test_websocket_message_is_the_same_event(name: str, data: object, outcome: object) -> None:
    payload = data if isinstance(data, str | None) else json.dumps(data)
    message = {"stream": ["public"], "event": name} | ({} if payload is None else {"payload": payload})
    assert parse(line(message), "mastodon") == [outcome]


@pytest.mark.parametrize(
    ("data", "control"),
    [
        ({"id": "7", "unread": True, "accounts": [], "last_status": MASTODON}, "conversation"),
        ({"id": "7", "type": "mention", "status": MASTODON}, "notification"),
        ({"error": "Record not found"}, "error"),
    ],
)
def test_other_events_of_a_transcript_are_control(data: Json, control: str) -> None:
    assert only(b"data: " + line(data), "mastodon", Control) == Control(control)


@pytest.mark.parametrize(
    ("change", "refused_as"),
    [
        ({"uri": None}, "no-id"),
        ({"uri": "https://first.example/" + "u" * 500}, "too-large"),
        ({"created_at": None}, "no-time"),
        ({"edited_at": "later"}, "no-time"),
        ({"content": None}, "no-text"),
        ({"content": 5}, "wrong-type"),
        ({"reblog": "x"}, "wrong-type"),
        ({"tags": {}}, "wrong-type"),
    ],
)
def test_error_names_what_is_wrong_with_a_status(change: Json, refused_as: str) -> None:
    assert reason(MASTODON | change, "mastodon") == refused_as


@pytest.mark.parametrize("payload", [b"data: {", b"hello", b"data: undefined", b'{"event":"update"}', b"\xff"])
def test_invalid_event_is_not_json(payload: bytes) -> None:
    assert reason(payload, "mastodon") == "not-json"


def test_accepts_event_name_from_source() -> None:
    assert mastodon.event("delete", "7") == PostDelete(platform="mastodon", post_id="7")
    with pytest.raises(InvalidPost, match="no-id"):
        mastodon.event("delete", "")
