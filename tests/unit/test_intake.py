import pytest

from producers.contract import InvalidPost, Message, Post, PostDelete, PostEdit
from producers.identity import Keys, Pseudonyms
from producers.intake import accept

NOW_MS = 1_508_162_400_000  # 2017-10-16T14:00:00Z
KEY = b"0123456789abcdef0123456789abcdef"
NAMES = Pseudonyms(Keys(KEY))


def accepted(message: Message) -> Message:
    return accept(message, now_ms=NOW_MS, names=NAMES, origin="backfill", source="file")


def post(created_at_ms: int = 1_508_097_630_000, author: str | None = None, platform: str = "x") -> Post:
    return Post(platform=platform, post_id="1", created_at_ms=created_at_ms, text="so it is", author=author)


def test_a_post_is_stamped_with_its_origin_and_source() -> None:
    assert accepted(post()) == Post(
        platform="x",
        post_id="1",
        created_at_ms=1_508_097_630_000,
        text="so it is",
        origin="backfill",
        source="file",
    )


@pytest.mark.parametrize("created_at_ms", [NOW_MS + 300_000, NOW_MS, 1_136_073_600_000])
def test_a_time_up_to_five_minutes_ahead_and_from_2006_on_is_let_through(created_at_ms: int) -> None:
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
def test_a_time_that_can_not_be_is_named(created_at_ms: int, reason: str, edit: bool) -> None:
    message = post(created_at_ms)
    with pytest.raises(InvalidPost) as error:
        accepted(PostEdit(post=message, edited_at_ms=NOW_MS) if edit else message)
    assert error.value.reason == reason


def test_an_author_is_hashed_under_the_key() -> None:
    """The value is what `printf x:44196397 | openssl dgst -sha256 -hmac KEY` prints."""
    message = accepted(post(author="44196397"))
    assert isinstance(message, Post)
    assert message.author == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"


def test_the_same_author_id_on_another_platform_is_another_author() -> None:
    one, two = accepted(post(author="44196397")), accepted(post(author="44196397", platform="mastodon"))
    assert isinstance(one, Post)
    assert isinstance(two, Post)
    assert one.author != two.author


def test_an_edit_is_let_through_as_its_post_is() -> None:
    edit = accepted(PostEdit(post=post(author="44196397"), edited_at_ms=1_508_097_700_000))
    assert edit == PostEdit(post=accepted(post(author="44196397")), edited_at_ms=1_508_097_700_000)  # type: ignore[arg-type]
    assert isinstance(edit, PostEdit)
    assert edit.post.author == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"
    assert (edit.post.origin, edit.post.source) == ("backfill", "file")


def test_a_deletion_goes_through_as_it_is() -> None:
    deletion = PostDelete(platform="x", post_id="1", deleted_at_ms=NOW_MS + 10**9)
    assert accepted(deletion) == deletion
