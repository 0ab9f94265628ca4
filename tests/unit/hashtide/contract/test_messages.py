import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.dead_letters import DeadLetter, dead_letter_key, decode_dead_letter, without_payload
from hashtide.contract.messages import (
    Canary,
    EmptyEntry,
    Gap,
    Post,
    PostDelete,
    PostEdit,
    Recount,
    Sent,
    decode,
    encode,
    key,
)
from hashtide.contract.reasons import InvalidPost

SMALL = Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="#MeToo — 我也是")
WHOLE = Post(
    platform="mastodon",
    post_id="115",
    created_at_ms=1_508_097_630_000,
    text="so it is",
    author="5d41402a",
    in_reply_to="114",
    conversation="100",
    quoted="90",
    reposted="80",
    hashtags=("MeToo", "YoTambién"),
    lang="es-MX",
    lang_by="author",
    coordinates=(-99.1332, 19.4326),
    place_country="MX",
    location="Coyoacán",
    origin="backfill",
    source="mastodon",
)
DELETE = PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000)
GAP = Gap(source="x", from_ms=1_000, to_ms=2_000, reason="limited", estimated_posts=12)
CANARY = Canary(id="00c0ffee00c0ffee", sent_at_ms=1_508_097_630_000)

LITERALS: list[tuple[Sent, str]] = [
    (
        SMALL,
        '{"type":"post","platform":"x","post_id":"1","created_at_ms":1508097630000,"text":"#MeToo — 我也是"}',
    ),
    (
        WHOLE,
        '{"type":"post","platform":"mastodon","post_id":"115","created_at_ms":1508097630000,"text":"so it is",'
        '"author":"5d41402a","in_reply_to":"114","conversation":"100","quoted":"90","reposted":"80",'
        '"hashtags":["MeToo","YoTambién"],"lang":"es-MX","lang_by":"author","coordinates":[-99.1332,19.4326],'
        '"place_country":"MX","location":"Coyoacán","origin":"backfill","source":"mastodon"}',
    ),
    (
        PostEdit(post=SMALL, edited_at_ms=1_508_097_700_000),
        '{"type":"edit","post":{"type":"post","platform":"x","post_id":"1","created_at_ms":1508097630000,'
        '"text":"#MeToo — 我也是"},"edited_at_ms":1508097700000}',
    ),
    (DELETE, '{"type":"delete","platform":"x","post_id":"1","deleted_at_ms":1508100000000}'),
    (PostDelete(platform="x", post_id="1"), '{"type":"delete","platform":"x","post_id":"1"}'),
    (
        GAP,
        '{"type":"gap","source":"x","from_ms":1000,"to_ms":2000,"reason":"limited","estimated_posts":12}',
    ),
    (CANARY, '{"type":"canary","id":"00c0ffee00c0ffee","sent_at_ms":1508097630000}'),
    (
        Post(platform="bluesky", post_id="3", created_at_ms=1_508_097_630_000, time_by="author", text="so it is"),
        '{"type":"post","platform":"bluesky","post_id":"3","created_at_ms":1508097630000,"time_by":"author",'
        '"text":"so it is"}',
    ),
    (Recount(window_ms=1_508_097_600_000), '{"type":"recount/2","window_ms":1508097600000}'),
    (
        EmptyEntry(index="posts-2017.10.15", id="0123456789abcdef0123456789abcdef", deleted_at_ms=5),
        '{"type":"empty/2","index":"posts-2017.10.15","id":"0123456789abcdef0123456789abcdef","deleted_at_ms":5}',
    ),
]

LETTER = DeadLetter(
    reason="not-json", detail="cut off", source="file:a.jsonl", position="3", payload=b"\xff\x00{", at_ms=1
)


@pytest.mark.parametrize(("message", "literal"), LITERALS)
def test_a_message_travels_as_this_json(message: Sent, literal: str) -> None:
    assert encode(message).decode() == literal
    assert decode(literal.encode()) == message


def test_a_dead_letter_travels_with_its_bytes_in_base64() -> None:
    literal = (
        b'{"reason":"not-json","detail":"cut off","source":"file:a.jsonl","position":"3","payload":"/wB7","at_ms":1}'
    )
    assert encode(LETTER) == literal
    assert decode_dead_letter(literal) == LETTER


@given(
    st.builds(
        Post,
        platform=st.text(max_size=32),
        post_id=st.text(max_size=512),
        created_at_ms=st.integers(-(2**63), 2**63 - 1),
        text=st.text(),
        author=st.none() | st.text(max_size=512),
        hashtags=st.none() | st.lists(st.text()).map(tuple),
        coordinates=st.none() | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
        lang_by=st.sampled_from(["platform", "author"]),
        origin=st.sampled_from(["live", "backfill", "replay", "synthetic"]),
    )
)
def test_any_post_comes_out_as_it_went_in(post: Post) -> None:
    assert decode(encode(post)) == post


def test_a_later_version_s_new_fields_are_passed_over() -> None:
    assert decode(LITERALS[0][1].replace('"text"', '"mood":{"of":["the","day"]},"text"').encode()) == SMALL


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SMALL, b"x:1"),
        (PostEdit(post=SMALL, edited_at_ms=5), b"x:1"),
        (DELETE, b"x:1"),
        (WHOLE, b"mastodon:115"),
        (GAP, b"gap:x"),
    ],
)
def test_a_post_its_edits_and_its_deletion_have_one_key(message: Sent, expected: bytes) -> None:
    assert key(message) == expected


def test_a_dead_letter_s_key_is_its_place_and_what_it_was() -> None:
    assert dead_letter_key(LETTER) == b"file:a.jsonl|3|bf2b334eead7bf8e"


HOSTILE = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"{",
    b"null",
    b"[]",
    b"0",
    b'"post"',
    b"{}",
    b'{"type":1}',
    b'{"type":"stranger"}',
    b'{"type":"post"}',
    b'{"type":"post","platform":"x","post_id":1,"created_at_ms":1,"text":""}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":"1","text":""}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1.5,"text":""}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1,"text":null}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1,"text":"\xff"}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1,"text":"\\ud800"}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1,"text":"","coordinates":[1]}',
    b'{"type":"post","platform":"x","post_id":"1","created_at_ms":1,"text":"","coordinates":[1e999,0]}',
    b'{"type":"edit","post":{"type":"delete","platform":"x","post_id":"1"},"edited_at_ms":1}',
    b'{"type":"gap","source":"x","from_ms":1,"to_ms":2,"reason":"boredom"}',
    b'{"type":"post","platform":"x"} ' * 2,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"type":"edit","post":' * 100_000,
    b"9" * 100_000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:40]))
def test_hostile_bytes_are_undecodable_and_nothing_else(value: bytes) -> None:
    with pytest.raises(InvalidPost) as error:
        decode(value)
    assert error.value.reason == "undecodable"
    assert error.value.detail
    assert str(error.value).startswith("undecodable: ")


def decoded_or_named(value: bytes) -> None:
    try:
        decode(value)
    except InvalidPost as error:
        assert error.reason == "undecodable"


@given(st.binary())
def test_any_bytes_are_a_message_or_a_named_error(value: bytes) -> None:
    decoded_or_named(value)


@given(st.data())
def test_any_damage_to_a_message_leaves_a_message_or_a_named_error(data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([literal.encode() for _, literal in LITERALS]))
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 8)))
    decoded_or_named(value[:start] + data.draw(st.binary(max_size=8)) + value[end:])


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["type", "platform", "post_id", "created_at_ms", "text", "post", "window_ms"]), x
            )
        ),
    )
)
def test_any_json_is_a_message_or_a_named_error(value: object) -> None:
    decoded_or_named(json.dumps(value).encode())


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"empty/2","index":"reply-volume-2017.10.15","id":"0123456789abcdef0123456789abcdef"}',
        b'{"type":"empty/2","index":"posts-*","id":"0123456789abcdef0123456789abcdef"}',
        b'{"type":"empty/2","index":"posts-2017.10.15\\n","id":"0123456789abcdef0123456789abcdef"}',
        b'{"type":"empty/2","index":"posts-2017.10.15","id":"x:1"}',
        b'{"type":"recount/2","window_ms":1}',
        b'{"type":"recount/2","window_ms":1000000000000000000}',
    ],
)
def test_an_order_for_anything_else_is_undecodable(value: bytes) -> None:
    with pytest.raises(InvalidPost) as error:
        decode(value)
    assert error.value.reason == "undecodable"


def test_an_error_names_its_reason_with_and_without_a_detail() -> None:
    assert str(InvalidPost("no-id")) == "no-id"
    assert str(InvalidPost("no-id", "neither id nor id_str")) == "no-id: neither id nor id_str"


def test_a_dead_letter_without_its_bytes_says_how_many_they_were_and_takes_the_place_of_the_whole_one() -> None:
    whole = DeadLetter(
        reason="not-json", detail="cut off", source="file:a.jsonl", position="3", payload=b"\xff\x00{", at_ms=1
    )
    bare = without_payload(whole)
    assert encode(bare) == (
        b'{"reason":"not-json","detail":"cut off","source":"file:a.jsonl","position":"3","payload":"","at_ms":1,'
        b'"size":3,"digest":"bf2b334eead7bf8e"}'
    )
    assert decode_dead_letter(encode(bare)) == bare
    assert dead_letter_key(bare) == dead_letter_key(whole)
    assert (whole.kept, bare.kept) == (True, False)
    assert without_payload(bare) == bare
    nothing = msgspec.structs.replace(whole, payload=b"")
    assert without_payload(nothing) == nothing


def test_errors_do_not_quote_the_message() -> None:
    with pytest.raises(InvalidPost) as raised:
        decode(b'{"type":"Ines \'Invented\'","text":"so it is"}')
    assert str(raised.value) == "undecodable: Invalid value - at `$.type`"
