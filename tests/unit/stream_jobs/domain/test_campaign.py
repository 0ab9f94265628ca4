from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.messages import Post
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaign, Campaigns, Match, WrongCampaign
from stream_jobs.loading import packaged_campaigns, read_campaigns

ENOUGH = Campaign(
    name="enough",
    roots=("x:100", "mastodon:100"),
    tags=("Enough", "YaBasta", "كفى"),
    counter_tags=("NotEnough",),
    phrases=("me too", "yo también", "anch'io", "我也是", "ben de", "גם אני"),
)
ANYWHERE = Campaign(name="anywhere", tags=("Other",), phrases=("me too",), phrases_anywhere=True)


def post(
    text: str = "",
    *,
    platform: str = "x",
    post_id: str = "7",
    in_reply_to: str | None = None,
    conversation: str | None = None,
    quoted: str | None = None,
    reposted: str | None = None,
) -> Post:
    return Post(
        platform=platform,
        post_id=post_id,
        created_at_ms=1_508_090_000_000,
        text=text,
        in_reply_to=in_reply_to,
        conversation=conversation,
        quoted=quoted,
        reposted=reposted,
    )


def why(post: Post, *campaigns: Campaign) -> tuple[Match, ...]:
    return Campaigns(campaigns or (ENOUGH,)).match(post, hashtags.of_post(post))


@pytest.mark.parametrize("text", ["#Enough", "so #ENOUGH!", "＃ｅｎｏｕｇｈ", "#yabasta ya", "#كفى"])
def test_tag_matches_in_any_width_and_case(text: str) -> None:
    assert why(post(text)) == (Match("enough", ("tag",)),)


def test_tag_without_hash_does_not_match() -> None:
    assert why(post("enough is enough")) == ()


def test_counter_tag_matches_with_its_own_reason() -> None:
    assert why(post("#NotEnough")) == (Match("enough", ("counter-tag",)),)
    assert why(post("#NotEnough #Enough")) == (Match("enough", ("tag", "counter-tag")),)


def test_reply_to_the_root_matches_with_any_text() -> None:
    assert why(post("hm", in_reply_to="100")) == (Match("enough", ("root-reply",)),)


def test_nested_reply_in_thread_of_the_root_matches() -> None:
    assert why(post("hm", in_reply_to="101", conversation="100")) == (Match("enough", ("root-reply",)),)


def test_quotes_and_reposts_of_the_root_match() -> None:
    assert why(post("read this", quoted="100")) == (Match("enough", ("quote-of-root",)),)
    assert why(post("the root's text", reposted="100")) == (Match("enough", ("repost-of-root",)),)


def test_same_id_on_another_platform_is_another_post() -> None:
    assert why(post("hm", in_reply_to="100", platform="mastodon")) == (Match("enough", ("root-reply",)),)
    assert why(post("hm", in_reply_to="100", platform="bluesky")) == ()


@pytest.mark.parametrize(
    ("answer", "answers"),
    [
        (post(in_reply_to="100"), True),
        (post(in_reply_to="101", conversation="100"), True),
        (post(post_id="100", conversation="100"), False),
        (post(in_reply_to="101"), False),
        (post(quoted="100"), False),
        (post(reposted="100"), False),
        (post(conversation="7"), False),
    ],
)
def test_root_reply_is_any_post_in_the_thread_except_the_root(answer: Post, answers: bool) -> None:
    assert any("root-reply" in match.why for match in why(answer)) is answers


@pytest.mark.parametrize(
    "text",
    [
        "me too",
        "Me too.",
        "ME TOO!!!",
        "me... too",
        "Me 👏 too 👏",
        "me❤️too",
        "ｍｅ ｔｏｏ",
        "@someone me too",
        "yes\nme\n\ntoo\nyes",
        "me_too",
        "YO TAMBIÉN",
        "yo tambie\u0301n",
        "Anch’io ci sono",
        "我也是受害者",
        "BEN DE",
        "גם אני, גם את",
    ],
)
def test_phrase_matches_in_any_case_across_punctuation_and_emoji(text: str) -> None:
    assert why(post(text, in_reply_to="100")) == (Match("enough", ("root-reply", "phrase")),)


@pytest.mark.parametrize(
    "text", ["some too", "me tool", "metoo", "too me", "me and too", "@me too", "https://me.example/ too", "yo tambien"]
)
def test_phrase_matches_only_whole_words_in_order_with_accents(text: str) -> None:
    assert why(post(text, in_reply_to="100")) == (Match("enough", ("root-reply",)),)


def test_phrase_matches_in_quote_of_the_root_but_not_elsewhere() -> None:
    assert why(post("me too", quoted="100")) == (Match("enough", ("quote-of-root", "phrase")),)
    assert why(post("me too")) == ()
    assert why(post("me too", in_reply_to="99")) == ()


def test_phrases_anywhere_matches_in_any_post() -> None:
    assert why(post("me too"), ENOUGH, ANYWHERE) == (Match("anywhere", ("phrase",)),)


def test_post_can_match_several_campaigns_in_configured_order() -> None:
    text = post("#other #enough me too", in_reply_to="100")
    assert why(text, ANYWHERE, ENOUGH) == (
        Match("anywhere", ("tag", "phrase")),
        Match("enough", ("tag", "root-reply", "phrase")),
    )


@given(st.text())
def test_never_raises(text: str) -> None:
    assert why(post(text, in_reply_to="100"))[0].campaign == "enough"


def test_packaged_campaign_is_metoo_and_matches_reply_without_tag() -> None:
    campaigns = Campaigns(packaged_campaigns())
    answer = post("Me, too. 2003.", in_reply_to="919659438700670976")
    assert campaigns.match(answer, ()) == (Match("metoo", ("root-reply", "phrase")),)
    assert campaigns.match(post("#QuellaVoltaChe"), ("quellavoltache",)) == (Match("metoo", ("tag",)),)


def test_loads_campaigns_of_a_folder_in_order_of_file_names(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('name = "bees"\ntags = ["#Bees"]\n', encoding="utf-8")
    (tmp_path / "a.toml").write_text('name = "ants"\ntags = ["Ants"]\ntitle = "Ants!"\n', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no campaign", encoding="utf-8")
    assert read_campaigns(tmp_path) == (
        Campaign(name="ants", tags=("Ants",), title="Ants!"),
        Campaign(name="bees", tags=("#Bees",)),
    )
    assert read_campaigns(tmp_path / "b.toml") == (Campaign(name="bees", tags=("#Bees",)),)


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("name = ", "not TOML"),
        ('tags = ["a"]', "`name`"),
        ('name = "Big"\ntags = ["a"]', "name: "),
        ('name = "a"\ntags = "a"', "tags: Expected `array`"),
        ('name = "a"\ntags = ["a", 5]', "tags[1]: Expected `str`"),
        ('name = "a"\ntags = ["two words"]', "tags: 'two words' is not a valid hashtag"),
        ('name = "a"\ncounter_tags = ["1984"]', "counter_tags: '1984' is not a valid hashtag"),
        ('name = "a"\ntags = ["a"]\nroots = ["919659438700670976"]', "roots[0]: "),
        ('name = "a"\ntags = ["a"]\nphrases = ["!!!"]', "phrases: '!!!' must contain a word"),
        ('name = "a"\ntags = ["a"]\ncolour = "red"', "`colour`"),
        ('name = "a"\nphrases = ["me too"]', "must have tags or roots, or phrases with phrases_anywhere = true"),
    ],
)
def test_error_names_file_key_and_valid_values(tmp_path: Path, toml: str, problem: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(toml, encoding="utf-8")
    with pytest.raises(WrongCampaign) as raised:
        read_campaigns(file)
    assert str(file) in str(raised.value)
    assert problem in str(raised.value)


def test_refuses_duplicate_name_missing_file_empty_folder_and_invalid_bytes(tmp_path: Path) -> None:
    with pytest.raises(WrongCampaign, match=r"no \*\.toml"):
        read_campaigns(tmp_path)
    with pytest.raises(WrongCampaign, match=r"gone\.toml: No such file"):
        read_campaigns(tmp_path / "gone.toml")
    (tmp_path / "a.toml").write_text('name = "same"\ntags = ["a"]', encoding="utf-8")
    (tmp_path / "b.toml").write_text('name = "same"\ntags = ["b"]', encoding="utf-8")
    with pytest.raises(WrongCampaign, match=r"b\.toml: name: 'same' is already used by another file"):
        read_campaigns(tmp_path)
    (tmp_path / "c.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(WrongCampaign, match="not TOML"):
        read_campaigns(tmp_path / "c.toml")
