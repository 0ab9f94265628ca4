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
def test_maps_platform_codes_to_iso_639_1_or_undetermined(claimed: str | None, code: str) -> None:
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
def test_strips_everything_but_words(text: str, words: str) -> None:
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
def test_detects_languages(languages: Languages, text: str, code: str) -> None:
    tag = languages.tag(text, None)
    assert (tag.code, tag.source) == (code, "detector")
    assert 0.6 <= tag.confidence <= 1


@pytest.mark.parametrize(
    "text",
    ["", "me too", "lol", "omg", "😭😭😭", "❤️", "#Enough #YaBasta", "@kim_l", "https://example.org/this/is/english",
     "Mina Harlow", "12345", "!!!", "hahahaha", "RT @kim_l: https://example.org", "\ud83d", "\x00"],
)  # fmt: skip
def test_names_exclamations_emoji_and_tags_are_undetermined(languages: Languages, text: str) -> None:
    tag = languages.tag(text, None)
    assert (tag.code, tag.source) == ("und", "none")
    assert tag.confidence < 0.6


def test_platform_tag_takes_precedence_over_text(languages: Languages) -> None:
    english = "it happened to me and i told nobody until today"
    assert languages.tag(english, "in", "platform") == LanguageTag("id", "platform", 1.0)


def test_detects_language_if_platform_names_none(languages: Languages) -> None:
    for claimed in ("und", "zxx", "qme", "art", None):
        tag = languages.tag("it happened to me and i told nobody until today", claimed, "platform")
        assert (tag.code, tag.source, tag.claimed) == ("en", "detector", None)


def test_confident_detector_overrides_author_label_and_records_both(languages: Languages) -> None:
    tag = languages.tag("wir schweigen nicht mehr, es reicht uns jetzt wirklich", "en", "author")
    assert (tag.code, tag.source, tag.claimed) == ("de", "detector", "en")
    assert tag.confidence >= 0.8


def test_keeps_author_label_if_detector_agrees_or_is_unsure(languages: Languages) -> None:
    assert languages.tag("wir schweigen nicht mehr, es reicht", "de-AT", "author") == LanguageTag("de", "author", 1.0)
    assert languages.tag("me too", "es", "author") == LanguageTag("es", "author", 1.0)
    assert languages.tag("", "cy", "author") == LanguageTag("cy", "author", 1.0)


@given(st.text(), st.none() | st.text(max_size=12), st.sampled_from(("platform", "author")))
def test_never_raises(languages: Languages, text: str, claimed: str | None, by: str) -> None:
    tag = languages.tag(text, claimed, "author" if by == "author" else "platform")
    assert 2 <= len(tag.code) <= 3
    assert 0 <= tag.confidence <= 1


def test_reads_only_the_beginning_of_a_long_text(languages: Languages) -> None:
    tag = languages.tag("wir schweigen nicht mehr " * 40_000, None)
    assert (tag.code, tag.source) == ("de", "detector")
