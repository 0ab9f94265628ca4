"""The plain text of an HTML post, as Mastodon and compatible servers send it."""

from typing import Final

from lxml import etree

from hashtide.contract.bounds import MAX_TEXT_CHARS
from hashtide.contract.reasons import InvalidPost

_BREAKS: Final = (("<br", "\n<br"), ("</p>", "</p>\n\n"), ("<li", "\n<li"), ("</div>", "</div>\n"))
_PARSER: Final = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, collect_ids=False)
_QUOTE_LINES: Final = etree.XPath("//*[contains(concat(' ', @class, ' '), ' quote-inline ')]")


def plain_text(html: str) -> str:
    """The text that a reader sees, with line breaks and full links.

    Mastodon shortens a link by invisible spans: their text is kept, so that the link is complete. The line
    `RE: https://...` in place of a quote (class `quote-inline`) is removed. Raises InvalidPost("too-large").
    """
    if "<" not in html and "&" not in html:
        return html.strip()
    if len(html) > MAX_TEXT_CHARS:  # a tag with very many attributes costs quadratic time
        raise InvalidPost("too-large", f"content has more than {MAX_TEXT_CHARS} characters")
    for tag, with_break in _BREAKS:
        html = html.replace(tag, with_break)
    # Wrapped in an element, because content may be empty, or start with what looks like an XML declaration.
    root = etree.fromstring(f"<div>{html}</div>", _PARSER)
    if "quote-inline" in html:
        for element in _QUOTE_LINES(root):
            element.clear(keep_tail=True)
    text: str = etree.tostring(root, method="text", encoding="unicode")
    return text.strip()
