import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_jobs.domain.language import Languages, LanguageTag, clean, normal_code
from stream_jobs.loading import load_languages


@pytest.fixture(scope="module")
def languages() -> Languages:
    return load_languages()


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("pt-BR", "pt"),
        ("zh_Hant-TW", "zh"),
        ("in", "id"),
        ("iw", "he"),
        ("no", "nb"),
        ("nn", "nn"),
        ("fil", "tl"),
        ("eng", "en"),
        ("ckb", "ckb"),
        *(
            (code, "und")
            for code in (
                "und",
                "zxx",
                "art",
                "qam",
                "qct",
                "qht",
                "qme",
                "qst",
                "",
                "e",
                "english",
                "x-y",
                "12",
                "xx",
                "qqq",
            )
        ),
        (None, "und"),
    ],
)
def test_platforms_codes_become_iso_639_1_and_codes_of_no_language_undetermined(claimed: str | None, code: str) -> None:
    assert normal_code(claimed) == code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RT @kim_l: we are MANY 💪 #Enough https://example.org/a?b=c", "we are many"),
        ("@kim@social.example @lou.name.example yes, please", "yes please"),
        ("so sooooo goooood!!!", "so soo good"),
        ("hahaha no jajaja si kkkk lol wkwkwk LMAO xD 🤣", "no si"),
        ("ахахаха нет ههههه لا חחחח לא ㅋㅋㅋ 아니", "нет لا לא 아니"),
        ("4ever b4 snake_case 2017 in words", "in words"),
        ("我在2017年", "我在 年"),
        ("don't stop-it, l’été", "don't stop-it l’été"),
        ("rock &amp; roll &#39;n", "rock roll n"),
        ("❤️ ☀️ #️⃣ 👩‍🚀", ""),
        ("नमस्ते दुनिया #नमस्ते", "नमस्ते दुनिया"),
        ("", ""),
    ],
)
def test_only_words_are_left_to_judge(text: str, words: str) -> None:
    assert clean(text) == words


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("it happened to me and i told nobody until today", "en"),
        ("me pasó a los quince años y nadie me creyó", "es"),
        ("ça m'est arrivé dans le métro, personne n'a bougé", "fr"),
        ("wir schweigen nicht mehr, es reicht", "de"),
        ("orker ikke jobbe i dag altså", "nb"),
        ("vi är många som inte tänker vara tysta längre", "sv"),
        ("мы больше не будем молчать", "ru"),
        ("ми більше не мовчатимемо", "uk"),
        ("نحن كثيرات ولن نصمت بعد اليوم", "ar"),
        ("ما زیاد هستیم و دیگر سکوت نمی‌کنیم", "fa"),
        ("אני מאמינה לך", "he"),
        ("हम बहुत सारे हैं और अब चुप नहीं रहेंगे", "hi"),
        ("今日は本当に仕事行きたくない", "ja"),
        ("오늘 진짜 출근하기 싫다", "ko"),
        ("今天真的不想上班", "zh"),
        ("hindi na tayo tatahimik", "tl"),
    ],
)
def test_the_detector_knows_languages(languages: Languages, text: str, code: str) -> None:
    tag = languages.tag(text, None)
    assert (tag.code, tag.source) == (code, "detector")
    assert 0.6 <= tag.confidence <= 1


@pytest.mark.parametrize(
    "text",
    ["", "me too", "lol", "omg", "😭😭😭", "❤️", "#Enough #YaBasta", "@kim_l", "https://example.org/this/is/english",
     "Mina Harlow", "12345", "!!!", "hahahaha", "RT @kim_l: https://example.org", "\ud83d", "\x00"],
)  # fmt: skip
def test_names_cries_emoji_and_bare_tags_are_undetermined(languages: Languages, text: str) -> None:
    tag = languages.tag(text, None)
    assert (tag.code, tag.source) == ("und", "none")
    assert tag.confidence < 0.6


def test_a_platforms_tag_is_kept_whatever_the_text_says(languages: Languages) -> None:
    english = "it happened to me and i told nobody until today"
    assert languages.tag(english, "in", "platform") == LanguageTag("id", "platform", 1.0)


def test_a_platform_that_names_no_language_leaves_it_to_the_detector(languages: Languages) -> None:
    for claimed in ("und", "zxx", "qme", "art", None):
        tag = languages.tag("it happened to me and i told nobody until today", claimed, "platform")
        assert (tag.code, tag.source, tag.claimed) == ("en", "detector", None)


def test_an_authors_label_is_overruled_by_a_confident_detector_and_both_are_recorded(languages: Languages) -> None:
    tag = languages.tag("wir schweigen nicht mehr, es reicht uns jetzt wirklich", "en", "author")
    assert (tag.code, tag.source, tag.claimed) == ("de", "detector", "en")
    assert tag.confidence >= 0.8


def test_an_authors_label_stands_where_the_detector_agrees_or_is_not_confident(languages: Languages) -> None:
    assert languages.tag("wir schweigen nicht mehr, es reicht", "de-AT", "author") == LanguageTag("de", "author", 1.0)
    assert languages.tag("me too", "es", "author") == LanguageTag("es", "author", 1.0)
    assert languages.tag("", "cy", "author") == LanguageTag("cy", "author", 1.0)


@given(st.text(), st.none() | st.text(max_size=12), st.sampled_from(("platform", "author")))
def test_no_text_and_no_label_raises(languages: Languages, text: str, claimed: str | None, by: str) -> None:
    tag = languages.tag(text, claimed, "author" if by == "author" else "platform")
    assert 2 <= len(tag.code) <= 3
    assert 0 <= tag.confidence <= 1


def test_a_text_of_a_megabyte_is_judged_by_its_beginning(languages: Languages) -> None:
    tag = languages.tag("wir schweigen nicht mehr " * 40_000, None)
    assert (tag.code, tag.source) == ("de", "detector")
