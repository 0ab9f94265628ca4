import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.messages import Post
from stream_jobs.domain.hashtags import MAX_TAG_CHARS, MAX_TAGS, counting_form, extract, of_post


def post(text: str = "", *, hashtags: tuple[str, ...] | None = None) -> Post:
    return Post(platform="x", post_id="1", created_at_ms=1_508_090_000_000, text=text, hashtags=hashtags)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("we say #Enough today", ("Enough",)),
        ("#first and #last", ("first", "last")),
        ("#one\n#two\r\n#three", ("one", "two", "three")),
        ("#repeat #repeat", ("repeat", "repeat")),
        ("＃全角 and ＃ｗｉｄｅ１", ("全角", "ｗｉｄｅ１")),
        ("#año #größe #façade #Łódź #ŞükrüIşık", ("año", "größe", "façade", "Łódź", "ŞükrüIşık")),
        ("#привет #Καλημέρα #გამარჯობა #Բարեւ", ("привет", "Καλημέρα", "გამარჯობა", "Բարեւ")),
        ("#سلام_دنیا #نمی\u200cدانم", ("سلام_دنیا", "نمی\u200cدانم")),
        ("#שָׁלוֹם #צה״ל #ג׳ירפה #אי־אפשר", ("שָׁלוֹם", "צה״ל", "ג׳ירפה", "אי־אפשר")),
        ("#नमस्ते_दुनिया #হ্যালো #வணக்கம் #ක්\u200dෂමා", ("नमस्ते_दुनिया", "হ্যালো", "வணக்கம்", "ක්\u200dෂමා")),
        ("#สวัสดี #ສະບາຍດີ #សួស្តី #မင်္ဂလာပါ #བཀྲ་ཤིས", ("สวัสดี", "ສະບາຍດີ", "សួស្តី", "မင်္ဂလာပါ", "བཀྲ་ཤིས")),
        ("#안녕 #こんにちは #スーパー・マン #ｶﾀｶﾅ #佐々木", ("안녕", "こんにちは", "スーパー・マン", "ｶﾀｶﾅ", "佐々木")),
        ("#col·lecció #ሰላም", ("col·lecció", "ሰላም")),
        ("#\U00020b9f #a\U000104a3", ("\U00020b9f", "a\U000104a3")),
        ("#2017in3words #v2 #٢٠١٧عام", ("2017in3words", "v2", "٢٠١٧عام")),
    ],
)
def test_tag_has_letters_marks_and_digits_of_any_script(text: str, tags: tuple[str, ...]) -> None:
    assert extract(text) == tags


@pytest.mark.parametrize("text", ["no tag", "#", "# space", "room #12", "#1_000", "#_", "#٢٠١٧", "#〃", "#!", "##"])
def test_tag_needs_a_letter(text: str) -> None:
    assert extract(text) == ()


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("(#a) [#b] {#c} “#d” '#e' ¡#f! #g… -#h /#i", ("a", "b", "c", "d", "e", "f", "g", "h", "i")),
        ("#don't #stop-it #end.", ("don", "stop", "end")),
        ("終わり。#開始！＃次、", ("開始", "次")),
        ("👏#clap #cry😭 ❤️#heart", ("clap", "cry", "heart")),
    ],
)
def test_punctuation_and_emoji_end_a_tag(text: str, tags: tuple[str, ...]) -> None:
    assert extract(text) == tags


@pytest.mark.parametrize(
    "text", ["word#tag", "語#タグ", "5#five", "_#under", "&#x27;", "&#nbsp", "#one#two", "#one＃two"]
)
def test_no_tag_directly_after_a_word_ampersand_or_tag(text: str) -> None:
    assert extract(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/#top",
        "https://example.org/page?q=1#top",
        "https://example.org/a(b)/#top",
        "HTTP://EXAMPLE.ORG:8080/#top",
        "example.org/#top",
        "(www.example.org/path/#top)",
        "http://bücher.example/#top",
        "これexample.org/#top",
        "#https://example.org",
        "#ftp://example.org",
    ],
)
def test_no_tag_in_a_link(text: str) -> None:
    assert extract(text) == ()


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("https://example.org/a #b", ("b",)),
        ("https://example.org,#b", ("b",)),
        ("(https://example.org/a)#b", ("b",)),
        ("https://example.org/道。#b", ("b",)),
        ("yes/#no", ("no",)),
        ("#tag.org/#b", ("tag", "b")),
        ("1.5/#b", ("b",)),
        ("##b", ("b",)),
    ],
)
def test_tag_after_a_link_or_slash_counts(text: str, tags: tuple[str, ...]) -> None:
    assert extract(text) == tags


@pytest.mark.parametrize("text", ["#️⃣ press", "#\u20e3 press", "＃\ufe0fno"])
def test_keycap_emoji_is_not_a_tag(text: str) -> None:
    assert extract(text) == ()


def test_repairs_space_after_hash_only_on_request() -> None:
    assert extract("so # MeToo says") == ()
    assert extract("so # MeToo says, # 1 and word# MeToo", repair=True) == ("MeToo",)
    assert of_post(post("# MeToo #Too"), repair=True) == ("metoo", "too")


@pytest.mark.parametrize(
    ("tag", "form"),
    [
        ("MeToo", "metoo"),
        ("METOO", "metoo"),
        ("ＭｅＴｏｏ", "metoo"),
        ("YoTambién", "yotambién"),
        ("YoTambie\u0301n", "yotambién"),
        ("YoTambien", "yotambien"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ΟΔΟΣ", "οδοσ"),
        ("οδος", "οδοσ"),
        ("SENDEANLAT", "sendeanlat"),
        ("İstanbul", "istanbul"),
        ("ISTANBUL", "istanbul"),
        ("ıstanbul", "istanbul"),
        ("KADIN", "kadin"),
        ("kadın", "kadin"),
        ("ﾒﾄｩｰ", "メトゥー"),
        ("وأنا_أيضا", "وأنا_أيضا"),
    ],
)
def test_counting_form_ignores_width_and_case_but_keeps_accents(tag: str, form: str) -> None:
    assert counting_form(tag) == form


def test_post_has_each_tag_once_in_order_of_first_use() -> None:
    assert of_post(post("#MeToo #MoiAussi #METOO ＃ＭｅＴｏｏ")) == ("metoo", "moiaussi")


def test_platform_tags_take_precedence_over_text() -> None:
    assert of_post(post("#text", hashtags=("Listed", "#Hash"))) == ("listed", "hash")
    assert of_post(post("#text", hashtags=())) == ()


def test_uses_text_if_platform_tags_are_truncated() -> None:
    assert of_post(post("#whole and more", hashtags=("who…",))) == ("whole",)


def test_number_of_tags_per_post_is_bounded() -> None:
    assert len(of_post(post(" ".join(f"#t{number}" for number in range(5000))))) == MAX_TAGS
    assert len(of_post(post(hashtags=tuple(f"t{number}" for number in range(5000))))) == MAX_TAGS


def test_drops_too_long_tag_in_written_or_counting_form() -> None:
    longest = "a" * MAX_TAG_CHARS
    assert of_post(post(f"#{longest} #{longest}a #b")) == (longest, "b")
    assert of_post(post("#" + "ﷺ" * 100 + " #b")) == ("b",)


@given(st.text())
def test_never_raises_and_no_tag_has_a_space_or_hash(text: str) -> None:
    for tag in extract("#" + text):
        assert tag in text
        assert not set(tag) & set(" \t\n#＃")


@given(st.text())
def test_counting_form_is_idempotent(text: str) -> None:
    assert counting_form(counting_form(text)) == counting_form(text)


@pytest.mark.parametrize(
    "piece",
    [
        "#",
        "#1",
        "#a",
        "é.",
        "aéb",
        "a.",
        "a-",
        "a.b/",
        "/#",
        "http://",
        "https://a.b/(",
        "(",
        "a.bc/,",
        "# ",
        "&#",
        "\ufe0f#",
    ],
)
def test_takes_linear_time(piece: str) -> None:
    started = time.process_time()
    extract(f"#start {piece * (1_000_000 // len(piece))} /?")
    assert time.process_time() - started < 3  # usually 0.05 to 0.5 s; quadratic time would be minutes
