"""Bluesky's Jetstream: v1 events and v2 frames."""

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
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
