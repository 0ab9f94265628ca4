"""Bluesky's Jetstream: v1 events and v2 frames."""

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers.validation import validate_and_pseudonymise
from tests.unit.producers.formats.fixtures import JETSTREAM, JETSTREAM_V2, Json, only, reason

DID = "did:plc:ines0000000000000000000"
URI = f"at://{DID}/app.bsky.feed.post/3mptbyoeyc22k"


def with_commit(**changes: object) -> Json:
    return JETSTREAM | {"commit": JETSTREAM["commit"] | changes}


def with_record(**changes: object) -> Json:
    return with_commit(record=JETSTREAM["commit"]["record"] | changes)


@pytest.mark.parametrize("payload", [JETSTREAM, JETSTREAM_V2])
def test_a_post_is_the_same_from_either_wire(payload: Json) -> None:
    assert only(payload, "jetstream", Post) == Post(
        platform="bluesky",
        post_id=URI,
        created_at_ms=1783175886240,
        text="Também eu 💜 #EuTambém",
        author=DID,
        hashtags=("EuTambém",),
        lang="pt",
        lang_by="author",
    )


CREATED_AT = {"createdAt": "2026-07-04T09:00:00Z"}  # 1783155600000, five hours before the record key


def keyed(rkey: str, **commit: object) -> Json:
    """The fixture under another record key, with a `createdAt` that differs from every key's time."""
    return with_commit(rkey=rkey, record=JETSTREAM["commit"]["record"] | CREATED_AT, **commit)


@pytest.mark.parametrize(
    ("rkey", "created_at_ms"),
    [
        ("3mptbyoeyc22k", 1783175886240),
        ("3evnhfsjhi222", 1508097630123),  # 2017-10-15T20:00:30.123456Z: cut, not rounded
        ("3evnhfsjhi2zz", 1508097630123),  # the last 10 bits are the id of a clock
        ("32dc4zpvs2222", 1136073600000),  # 2006-01-01T00:00:00Z, the first moment that counts
        ("5nqj3cizs2222", 4070908800000),  # 2099-01-01T00:00:00Z: validation refuses the future, not the parser
        ("jzzzzzzzzzzzz", 18014398509481),  # the last TID, in 2540
    ],
)
def test_a_record_key_that_is_a_tid_dates_the_post(rkey: str, created_at_ms: int) -> None:
    post = only(keyed(rkey), "jetstream", Post)
    assert (post.created_at_ms, post.time_by) == (created_at_ms, "platform")


@pytest.mark.parametrize(
    "rkey",
    [
        "self",
        "my-first-post",
        "3mptbyoeyc22",  # 12 characters
        "3mptbyoeyc22ka",  # 14
        "3MPTBYOEYC22K",
        "3mptbyoeyc221",  # 1 is no digit of TIDs
        "kzzzzzzzzzzzz",  # the first bit is 1
        "2222222222222",  # 1970
        "32dc4zpvrzz22",  # 2005-12-31T23:59:59.999999Z
    ],
)
def test_any_other_record_key_leaves_the_time_to_the_author(rkey: str) -> None:
    post = only(keyed(rkey), "jetstream", Post)
    assert (post.created_at_ms, post.time_by) == (1783155600000, "author")


def test_an_edit_of_created_at_does_not_move_the_post() -> None:
    edit = only(keyed("3mptbyoeyc22k", operation="update"), "jetstream", PostEdit)
    assert (edit.post.created_at_ms, edit.post.time_by) == (1783175886240, "platform")
    assert edit.edited_at_ms == 1783175888090


def test_a_tid_in_the_future_is_refused_on_arrival() -> None:
    post = only(keyed("5nqj3cizs2222"), "jetstream", Post)
    names = Pseudonyms(Keys(b"k" * 32))
    with pytest.raises(InvalidPost, match=r"^in-the-future: "):
        validate_and_pseudonymise(post, now_ms=1783175890000, names=names, origin="live", source="bluesky")


def test_a_tid_does_not_stand_in_for_a_missing_created_at() -> None:
    assert reason(with_commit(record=JETSTREAM["commit"]["record"] | {"createdAt": None}), "jetstream") == "no-time"


def test_a_reply_names_its_parent_and_the_root_of_its_thread() -> None:
    reply = {
        "parent": {"uri": "at://did:plc:a/app.bsky.feed.post/2"},
        "root": {"uri": "at://did:plc:b/app.bsky.feed.post/1"},
    }
    post = only(with_record(reply=reply), "jetstream", Post)
    assert (post.in_reply_to, post.conversation) == (
        "at://did:plc:a/app.bsky.feed.post/2",
        "at://did:plc:b/app.bsky.feed.post/1",
    )


@pytest.mark.parametrize(
    ("embed", "quoted"),
    [
        (None, None),
        (
            {"$type": "app.bsky.embed.record", "record": {"uri": "at://did:plc:a/app.bsky.feed.post/2", "cid": "b"}},
            "at://did:plc:a/app.bsky.feed.post/2",
        ),
        (
            {
                "$type": "app.bsky.embed.recordWithMedia",
                "media": {"$type": "app.bsky.embed.images", "images": []},
                "record": {"record": {"uri": "at://did:plc:a/app.bsky.feed.post/2", "cid": "b"}},
            },
            "at://did:plc:a/app.bsky.feed.post/2",
        ),
        ({"$type": "app.bsky.embed.record", "record": {"uri": "at://did:plc:a/app.bsky.feed.generator/x"}}, None),
        ({"$type": "app.bsky.embed.external", "external": {"uri": "https://example.org", "title": "t"}}, None),
        ({"record": {"uri": 5}}, None),
    ],
)
def test_only_an_embedded_post_is_quoted(embed: object, quoted: str | None) -> None:
    assert only(with_record(embed=embed), "jetstream", Post).quoted == quoted


@pytest.mark.parametrize(
    ("record", "hashtags"),
    [
        ({"facets": None}, None),
        ({"facets": [{"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.org"}]}]}, None),
        ({"facets": None, "tags": ["MeToo"]}, ("MeToo",)),
        ({"tags": ["MeToo", "EuTambém"]}, ("EuTambém", "MeToo")),
        ({"facets": [{"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "#MeToo"}]}]}, ("MeToo",)),
        ({"facets": [{"index": {"byteStart": 0, "byteEnd": 3}}, {"features": [{"tag": "no type"}]}]}, None),
    ],
)
def test_tags_are_those_of_facets_and_of_the_post_itself(record: Json, hashtags: tuple[str, ...] | None) -> None:
    assert only(with_record(**record), "jetstream", Post).hashtags == hashtags


@pytest.mark.parametrize(("langs", "lang"), [(["pt-BR", "en"], "pt-BR"), ([], None), (None, None), ([""], None)])
def test_the_first_language_is_the_post_s(langs: object, lang: str | None) -> None:
    assert only(with_record(langs=langs), "jetstream", Post).lang == lang


def test_an_update_is_an_edit() -> None:
    edit = only(with_commit(operation="update"), "jetstream", PostEdit)
    assert (edit.post, edit.edited_at_ms) == (only(JETSTREAM, "jetstream", Post), 1783175888090)


def test_a_delete_deletes() -> None:
    gone = PostDelete(platform="bluesky", post_id=URI, deleted_at_ms=1783175888090)
    assert only(with_commit(operation="delete", record=None, cid=None), "jetstream", PostDelete) == gone
    frame = {key: value for key, value in JETSTREAM_V2["payload"].items() if key not in ("record", "cid")}
    assert only({"$type": "message", "payload": frame | {"operation": "delete"}}, "jetstream", PostDelete) == gone


@pytest.mark.parametrize(
    ("payload", "control"),
    [
        (with_commit(collection="app.bsky.feed.like"), "like"),
        (with_commit(collection="app.bsky.feed.repost"), "repost"),
        (with_commit(collection="app.bsky.feed.repost", operation="delete"), "repost"),
        (with_commit(collection="app.bsky.graph.follow"), "follow"),
        (with_commit(collection="place.example.broadcast"), "other-collection"),
        ({"did": DID, "time_us": 1, "kind": "identity", "identity": {"did": DID}}, "identity"),
        ({"did": DID, "time_us": 1, "kind": "account", "account": {"active": False, "status": "deleted"}}, "account"),
        ({"$type": "message", "payload": {"$type": "a.b.subscribeEvents#sync", "did": DID, "seq": 1}}, "sync"),
        ({"$type": "message", "payload": {"$type": "a.b.subscribeEvents#identity", "did": DID}}, "identity"),
        ({"$type": "message", "payload": {"$type": "a.b.c#info", "name": "OutdatedCursor"}}, "cursor-too-old"),
        ({"$type": "message", "payload": {"$type": "a.b.c#info", "name": "FutureCursor"}}, "future-cursor"),
        ({"$type": "message", "payload": {"$type": "a.b.c#info", "name": "Something"}}, "info"),
        ({"$type": "error", "error": "ConsumerTooSlow", "message": "too slow"}, "too-slow"),
        ({"error": "CursorTooOld", "message": "floor is 12"}, "cursor-too-old"),
        ({"$type": "error", "error": "InternalServerError"}, "error"),
    ],
)
def test_what_is_no_post_is_control(payload: Json, control: str) -> None:
    assert only(payload, "jetstream", Control) == Control(control)


@pytest.mark.parametrize(
    ("payload", "refused_as"),
    [
        (JETSTREAM | {"did": None}, "no-id"),
        (with_commit(rkey=""), "no-id"),
        (with_commit(rkey="r" * 513), "too-large"),
        (with_commit(record=None), "no-text"),
        (with_record(text=None), "no-text"),
        (with_record(createdAt=None), "no-time"),
        (with_record(createdAt="0000-00-00T00:00:00Z"), "no-time"),
        (with_record(text=5), "wrong-type"),
        (with_record(facets="none"), "wrong-type"),
        (with_commit(operation="resurrect"), "not-a-post"),
        ({"did": DID, "kind": "commit"}, "not-a-post"),
        ({"did": DID, "kind": "something-new"}, "not-a-post"),
        ({"$type": "message", "payload": {"$type": "a.b.c#something"}}, "not-a-post"),
    ],
)
def test_a_wrong_event_is_refused_by_name(payload: Json, refused_as: str) -> None:
    assert reason(payload, "jetstream") == refused_as
