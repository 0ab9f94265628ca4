"""The language of a post: the platform's word where it has one, else what a detector makes of the cleaned text."""

import re
from functools import lru_cache
from typing import Final, Literal

import msgspec
from babel import Locale

from stream_jobs.domain.detector import Detector
from stream_jobs.domain.text import LETTERS_IN_WORDS, LINK_OR_MENTION

UNDETERMINED: Final = "und"
SURE_ENOUGH: Final = 0.6
"""The detector's confidence below which a language is undetermined."""
OVERRULES: Final = 0.8
"""The detector's confidence from which it overrules an author's own label."""
READ_CHARS: Final = 500
"""How much of a cleaned text the detector reads: more changes no verdict, and costs time on posts of 100 kB."""
_CUT_CHARS: Final = 4000
"""How much of a text is cleaned: room for the links and names in front of the words."""

_REMEMBERED: Final = 8_192
"""Verdicts that are kept, by text and by words: some 4 MB each. What is reposted comes again soon."""
_REMEMBERED_CHARS: Final = 500
"""A longer text is judged anew: memory must stay bounded, whatever people write."""
_CLAIM_CHARS: Final = 35
"""How much of a claim is read: room for any language tag (RFC 5646, 4.4.1)."""

Source = Literal["platform", "author", "detector", "none"]

# What platforms write for which ISO 639-1 has another code, or none: X's legacy codes, and its codes for posts without
# a language (X API documentation, "Supported languages and browsers"); Norwegian and Chinese by their written forms.
_OTHER_CODES: Final = {
    "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "no": "nb", "sh": "sr", "fil": "tl",
    "cmn": "zh", "wuu": "zh", "yue": "zh", "arb": "ar", "pes": "fa", "prs": "fa", "zsm": "ms",
    "und": UNDETERMINED, "zxx": UNDETERMINED, "mul": UNDETERMINED, "mis": UNDETERMINED, "art": UNDETERMINED,
    "qam": UNDETERMINED, "qct": UNDETERMINED, "qht": UNDETERMINED, "qme": UNDETERMINED, "qst": UNDETERMINED,
}  # fmt: skip
# ISO 639-2 and 639-3 codes of languages that have one in ISO 639-1, as authors' apps write them.
_THREE_LETTERS: Final = {
    "ara": "ar", "ben": "bn", "ces": "cs", "dan": "da", "deu": "de", "ell": "el", "eng": "en", "epo": "eo",
    "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "heb": "he", "hin": "hi", "hun": "hu", "ind": "id",
    "ita": "it", "jpn": "ja", "kor": "ko", "nld": "nl", "nob": "nb", "nor": "nb", "nno": "nn", "pol": "pl",
    "por": "pt", "ron": "ro", "rus": "ru", "spa": "es", "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi", "zho": "zh", "cat": "ca", "glg": "gl",
}  # fmt: skip
# Every language that CLDR has a name for: an author's app can write anything, and a count is kept for each code.
_KNOWN: Final = frozenset(Locale("en").languages)
_CODE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9_-]*)?\Z")

_NOT_WORDS: Final = re.compile(
    rf"{LINK_OR_MENTION.pattern}"
    rf"|[#＃][{LETTERS_IN_WORDS}\d_·]++"  # a tag is spelt in any language
    r"|&\#?\w{2,6};"  # what's left of HTML
    r"|RT(?<!\wRT)(?=\s*+[@＠:])"
)
_LAUGHTER: Final = re.compile(
    r"\b(?:(?:[hj][aeiou]|[aeiou][hj]){2,}[aeiouhj]?|(?:wk){2,}w?|[kw]{3,}|xd+|lo+l|lmf?ao+|[хаы]{4,}|ه{3,}|ח{3,}|[ㅋㅎ]+)\b",
    re.IGNORECASE,
)
_STRETCHED: Final = re.compile(r"(.)\1\1+")
# A Latin word with a digit or an underscore ("4ever", "snake_case") is none; Chinese and Thai glue years to words.
_WORD: Final = re.compile(rf"[A-Za-z]*+[0-9_][0-9A-Za-z_]*+|([{LETTERS_IN_WORDS}]++(?:['’-][{LETTERS_IN_WORDS}]++)*+)")
# "Mina Harlow", "Harlow vs Okonjo", "Lord of the Harbour": people, songs and matches have one name in all languages.
_NAME: Final = re.compile("[A-ZÀ-ÖØ-ÞĀ-Ž](?:[^A-Z]|$)")
_NAME_WORDS: Final = 6
_IN_NAMES: Final = frozenset(
    {"vs", "v", "x", "ft", "feat", "by", "of", "the", "and", "de", "da", "van", "von", "el", "al"}
)


class LanguageTag(msgspec.Struct, frozen=True, gc=False):
    """A post's language. `code` is ISO 639-1 where that has one, "und" where there's nothing to judge."""

    code: str
    source: Source
    confidence: float
    """1 for a platform's or an author's word, else the detector's probability."""
    claimed: str | None = None
    """The author's label, where the detector overruled it."""


class Languages:
    """Tags languages. One thread at a time."""

    def __init__(self, detector: Detector) -> None:
        # Reposts and short formulas repeat: in a campaign, half of all texts and more have been seen before.
        self._detect: Final = lru_cache(_REMEMBERED)(detector.detect)
        self._judge: Final = lru_cache(_REMEMBERED)(self._judge_anew)

    def tag(
        self, text: str, claimed: str | None, claimed_by: Literal["platform", "author"] = "platform"
    ) -> LanguageTag:
        """The language of a text whose platform or author claims it to be in `claimed`. Never raises."""
        claim = normal_code(claimed)
        if claim != UNDETERMINED and claimed_by == "platform":
            return LanguageTag(claim, "platform", 1.0)
        judge = self._judge if len(text) <= _REMEMBERED_CHARS else self._judge_anew
        code, confidence = judge(text)
        if claim != UNDETERMINED and (code == claim or confidence < OVERRULES):
            return LanguageTag(claim, "author", 1.0)
        if confidence < SURE_ENOUGH:
            return LanguageTag(UNDETERMINED, "none", confidence)
        return LanguageTag(code, "detector", confidence, None if claim == UNDETERMINED else claim)

    def _judge_anew(self, text: str) -> tuple[str, float]:
        words = clean(text)
        if not words:
            return UNDETERMINED, 0.0
        code, confidence = self._detect(words)
        return normal_code(code), confidence


def normal_code(claimed: str | None) -> str:
    """The ISO 639-1 code for a language tag as platforms write it ("pt-BR", "in"), "und" where it names no language."""
    return _normal_code(claimed[:_CLAIM_CHARS]) if claimed else UNDETERMINED


@lru_cache(maxsize=1024)
def _normal_code(claimed: str) -> str:
    found = _CODE.match(claimed.lower())
    if found is None:
        return UNDETERMINED
    code = _OTHER_CODES.get(found[1]) or _THREE_LETTERS.get(found[1], found[1])
    return code if code in _KNOWN else UNDETERMINED


def clean(text: str) -> str:
    """The words of a post that tell its language, in small letters: no links, names, tags, numbers, laughter, emoji."""
    text = _STRETCHED.sub(r"\1\1", _LAUGHTER.sub(" ", _NOT_WORDS.sub(" ", text[:_CUT_CHARS])))
    words = list(filter(None, _WORD.findall(text)))
    if 2 <= len(words) <= _NAME_WORDS and all(word in _IN_NAMES or _NAME.match(word) for word in words):
        return ""
    return " ".join(words)[:READ_CHARS].lower()
