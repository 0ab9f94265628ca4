"""Plain text from Mastodon's HTML."""

import pytest

from hashtide.contract.reasons import InvalidPost
from producers.formats.html_text import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("no markup", "no markup"),
        ("<p>one</p>", "one"),
        ("<p>one<br>two<br />three</p><p>four</p>", "one\ntwo\nthree\n\nfour"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<p>you &amp; me &lt;3 &quot;so&quot; &#39;there&#39; &nbsp;&euro;</p>", "you & me <3 \"so\" 'there' \xa0€"),
        ("you &amp;amp; me", "you &amp; me"),
        (
            '<p><a href="https://first.example/tags/MeToo" class="mention hashtag">#<span>MeToo</span></a></p>',
            "#MeToo",
        ),
        (
            '<p><span class="h-card"><a href="https://a.example/@b">@<span>b</span></a></span> hi</p>',
            "@b hi",
        ),
        (
            '<a href="https://example.org/a/b/c"><span class="invisible">https://</span>'
            '<span class="ellipsis">example.org/a/b</span><span class="invisible">/c</span></a>',
            "https://example.org/a/b/c",
        ),
        ('<p class="quote-inline">RE: <a href="https://a.example/1">a.example/1</a></p><p>So true</p>', "So true"),
        ('<p>So true<span class="quote-inline"><br><br>RE: https://a.example/1</span>!</p>', "So true!"),
        ("<!-- a comment -->after", "after"),
        ("<p>not closed <b>bold", "not closed bold"),
        ("</p></div>stray ends", "stray ends"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ('<?xml version="1.0" encoding="utf-16"?><p>one</p>', "one"),
        ('<a title="a > b">one</a>', "one"),
        ("&#xD800;&#0;one", "��one"),
    ],
)
def test_html_to_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_refuses_content_above_any_server_limit() -> None:
    assert plain_text("<p>" + "x" * 100_000) == "x" * 100_000
    with pytest.raises(InvalidPost, match="too-large"):
        plain_text("<p>" + "x" * 131_072)


def test_accepts_deep_nesting() -> None:
    assert plain_text("<b>x" * 20_000).startswith("xxxx")
