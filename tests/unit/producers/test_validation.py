import pytest

from hashtide.contract.messages import Message, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers.validation import validate_and_pseudonymise

NOW_MS = 1_508_162_400_000  # 2017-10-16T14:00:00Z
KEY = b"0123456789abcdef0123456789abcdef"
NAMES = Pseudonyms(Keys(KEY))


def accepted(message: Message) -> Message:
    return validate_and_pseudonymise(message, now_ms=NOW_MS, names=NAMES, origin="backfill", source="file")


def post(created_at_ms: int = 1_508_097_630_000, author: str | None = None, platform: str = "x") -> Post:
    return Post(platform=platform, post_id="1", created_at_ms=created_at_ms, text="so it is", author=author)


def test_adds_origin_and_source() -> None:
    assert accepted(post()) == Post(
        platform="x",
        post_id="1",
        created_at_ms=1_508_097_630_000,
        text="so it is",
        origin="backfill",
        source="file",
    )


@pytest.mark.parametrize("created_at_ms", [NOW_MS + 300_000, NOW_MS, 1_136_073_600_000])
def test_accepts_times_from_2006_to_five_minutes_ahead(created_at_ms: int) -> None:
    message = accepted(post(created_at_ms))
    assert isinstance(message, Post)
    assert message.created_at_ms == created_at_ms


@pytest.mark.parametrize(
    ("created_at_ms", "reason"),
    [
        (NOW_MS + 300_001, "in-the-future"),
        (10**18, "in-the-future"),
        (1_136_073_599_999, "before-2006"),
        (0, "before-2006"),
        (-(10**18), "before-2006"),
    ],
)
@pytest.mark.parametrize("edit", [False, True], ids=["post", "edit"])
def test_error_names_impossible_time(created_at_ms: int, reason: str, edit: bool) -> None:
    message = post(created_at_ms)
    with pytest.raises(InvalidPost) as error:
        accepted(PostEdit(post=message, edited_at_ms=NOW_MS) if edit else message)
    assert error.value.reason == reason


def test_hashes_author_with_the_key() -> None:
    """The value is what `printf x:44196397 | openssl dgst -sha256 -hmac KEY` prints."""
    message = accepted(post(author="44196397"))
    assert isinstance(message, Post)
    assert message.author == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"


def test_same_author_id_on_another_platform_has_another_hash() -> None:
    one, two = accepted(post(author="44196397")), accepted(post(author="44196397", platform="mastodon"))
    assert isinstance(one, Post)
    assert isinstance(two, Post)
    assert one.author != two.author


def test_validates_edit_like_its_post() -> None:
    edit = accepted(PostEdit(post=post(author="44196397"), edited_at_ms=1_508_097_700_000))
    assert edit == PostEdit(post=accepted(post(author="44196397")), edited_at_ms=1_508_097_700_000)  # type: ignore[arg-type]
    assert isinstance(edit, PostEdit)
    assert edit.post.author == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"
    assert (edit.post.origin, edit.post.source) == ("backfill", "file")


def test_passes_deletion_unchanged() -> None:
    deletion = PostDelete(platform="x", post_id="1", deleted_at_ms=NOW_MS + 10**9)
    assert accepted(deletion) == deletion


DID = "did:plc:ines0000000000000000000"
URI = f"at://{DID}/app.bsky.feed.post/"


def test_hides_ids_that_contain_an_author() -> None:
    message = accepted(
        Post(
            platform="bluesky",
            post_id=f"{URI}1",
            created_at_ms=NOW_MS,
            text="so it is",
            in_reply_to=f"{URI}2",
            conversation=f"{URI}1",
            quoted=f"{URI}3",
            reposted=f"{URI}4",
        )
    )
    assert isinstance(message, Post)
    ids = (message.post_id, message.in_reply_to, message.conversation, message.quoted, message.reposted)
    assert ids == tuple(NAMES.post("bluesky", f"{URI}{number}") for number in (1, 2, 1, 3, 4))
    assert DID not in repr(message)
    edit = accepted(
        PostEdit(
            post=Post(platform="bluesky", post_id=f"{URI}1", created_at_ms=1_508_097_630_000, text=""), edited_at_ms=2
        )
    )
    assert isinstance(edit, PostEdit)
    assert edit.post.post_id == message.post_id
    assert accepted(PostDelete(platform="bluesky", post_id=f"{URI}1", deleted_at_ms=5)) == PostDelete(
        platform="bluesky", post_id=message.post_id, deleted_at_ms=5
    )


def test_hides_only_addresses_among_several_ids() -> None:
    """A reply to a post known only by its number on the instance."""
    message = accepted(
        Post(platform="mastodon", post_id="https://a.example/1", created_at_ms=NOW_MS, text="", in_reply_to="17")
    )
    assert isinstance(message, Post)
    assert (message.post_id, message.in_reply_to) == (NAMES.post("mastodon", "https://a.example/1"), "17")
