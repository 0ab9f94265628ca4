"""The language of a post: the platform's label if it gives one, else what a detector finds in the cleaned text."""

import re
from functools import lru_cache
from typing import Final, Literal

import msgspec
from babel import Locale

from stream_jobs.domain.detector import Detector
from stream_jobs.domain.text import LETTERS_IN_WORDS, LINK_OR_MENTION

UNDETERMINED: Final = "und"
SURE_ENOUGH: Final = 0.6
"""Minimum confidence of the detector. Below it, the language is undetermined."""
OVERRULES: Final = 0.8
"""Confidence from which the detector overrules the author's label."""
READ_CHARS: Final = 500
"""Characters of cleaned text that the detector reads. More changes no result, and is slow for posts of 100 kB."""
_CUT_CHARS: Final = 4000
"""Characters of a text that are cleaned: leaves room for links and names before the words."""

_CACHED_RESULTS: Final = 8_192
"""Results cached by text and by words: about 4 MB each. Reposts repeat soon."""
_CACHED_CHARS: Final = 500
"""Longer texts are not cached: memory must stay bounded for any input."""
_CLAIM_CHARS: Final = 35
"""Characters of a claimed language that are read: enough for any language tag (RFC 5646, 4.4.1)."""

Source = Literal["platform", "author", "detector", "none"]

# Platform codes that differ from ISO 639-1: X's legacy codes, and its codes for posts without a language (X API
# documentation, "Supported languages and browsers"); Norwegian and Chinese by their written forms.
_OTHER_CODES: Final = {
    "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "no": "nb", "sh": "sr", "fil": "tl",
    "cmn": "zh", "wuu": "zh", "yue": "zh", "arb": "ar", "pes": "fa", "prs": "fa", "zsm": "ms",
    "und": UNDETERMINED, "zxx": UNDETERMINED, "mul": UNDETERMINED, "mis": UNDETERMINED, "art": UNDETERMINED,
    "qam": UNDETERMINED, "qct": UNDETERMINED, "qht": UNDETERMINED, "qme": UNDETERMINED, "qst": UNDETERMINED,
}  # fmt: skip
# ISO 639-2 and 639-3 codes, as authors' apps write them, of languages that have an ISO 639-1 code.
_THREE_LETTERS: Final = {
    "ara": "ar", "ben": "bn", "ces": "cs", "dan": "da", "deu": "de", "ell": "el", "eng": "en", "epo": "eo",
    "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "heb": "he", "hin": "hi", "hun": "hu", "ind": "id",
    "ita": "it", "jpn": "ja", "kor": "ko", "nld": "nl", "nob": "nb", "nor": "nb", "nno": "nn", "pol": "pl",
    "por": "pt", "ron": "ro", "rus": "ru", "spa": "es", "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi", "zho": "zh", "cat": "ca", "glg": "gl",
}  # fmt: skip
# All languages that CLDR names. An author's app can write anything, and each code gets its own count.
_KNOWN: Final = frozenset(Locale("en").languages)
_CODE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9_-]*)?\Z")

_NOT_WORDS: Final = re.compile(
    rf"{LINK_OR_MENTION.pattern}"
    rf"|[#＃][{LETTERS_IN_WORDS}\d_·]++"  # tags are the same in all languages
    r"|&\#?\w{2,6};"  # HTML entities
    r"|RT(?<!\wRT)(?=\s*+[@＠:])"
)
_LAUGHTER: Final = re.compile(
    r"\b(?:(?:[hj][aeiou]|[aeiou][hj]){2,}[aeiouhj]?|(?:wk){2,}w?|[kw]{3,}|xd+|lo+l|lmf?ao+|[хаы]{4,}|ه{3,}|ח{3,}|[ㅋㅎ]+)\b",
    re.IGNORECASE,
)
_STRETCHED: Final = re.compile(r"(.)\1\1+")
# A Latin word with a digit or underscore ("4ever", "snake_case") is not a word. Chinese and Thai join years to words.
_WORD: Final = re.compile(rf"[A-Za-z]*+[0-9_][0-9A-Za-z_]*+|([{LETTERS_IN_WORDS}]++(?:['’-][{LETTERS_IN_WORDS}]++)*+)")
# "Mina Harlow", "Harlow vs Okonjo", "Lord of the Harbour": names of people, songs and matches are the same everywhere.
_NAME: Final = re.compile("[A-ZÀ-ÖØ-ÞĀ-Ž](?:[^A-Z]|$)")
_NAME_WORDS: Final = 6
_IN_NAMES: Final = frozenset(
    {"vs", "v", "x", "ft", "feat", "by", "of", "the", "and", "de", "da", "van", "von", "el", "al"}
)


class LanguageTag(msgspec.Struct, frozen=True, gc=False):
    """A post's language. `code`: ISO 639-1 where it has one; "und" if undetermined."""

    code: str
    source: Source
    confidence: float
    """1 for a platform's or an author's label, else the detector's probability."""
    claimed: str | None = None
    """The author's label, if the detector overruled it."""


class Languages:
    """Tags languages. Not thread-safe."""

    def __init__(self, detector: Detector) -> None:
        # Reposts and short set phrases repeat: in a campaign, at least half of all texts were seen before.
        self._detect: Final = lru_cache(_CACHED_RESULTS)(detector.detect)
        self._judge_cached: Final = lru_cache(_CACHED_RESULTS)(self._judge)

    def tag(
        self, text: str, claimed: str | None, claimed_by: Literal["platform", "author"] = "platform"
    ) -> LanguageTag:
        """The language of a text. `claimed`: the label given by the platform or the author. Never raises."""
        claim = normal_code(claimed)
        if claim != UNDETERMINED and claimed_by == "platform":
            return LanguageTag(claim, "platform", 1.0)
        judge = self._judge_cached if len(text) <= _CACHED_CHARS else self._judge
        code, confidence = judge(text)
        if claim != UNDETERMINED and (code == claim or confidence < OVERRULES):
            return LanguageTag(claim, "author", 1.0)
        if confidence < SURE_ENOUGH:
            return LanguageTag(UNDETERMINED, "none", confidence)
        return LanguageTag(code, "detector", confidence, None if claim == UNDETERMINED else claim)

    def _judge(self, text: str) -> tuple[str, float]:
        words = clean(text)
        if not words:
            return UNDETERMINED, 0.0
        code, confidence = self._detect(words)
        return normal_code(code), confidence


def normal_code(claimed: str | None) -> str:
    """The ISO 639-1 code for a language tag as platforms write it ("pt-BR", "in"); "und" if it names no language."""
    return _normal_code(claimed[:_CLAIM_CHARS]) if claimed else UNDETERMINED


@lru_cache(maxsize=1024)
def _normal_code(claimed: str) -> str:
    found = _CODE.match(claimed.lower())
    if found is None:
        return UNDETERMINED
    code = _OTHER_CODES.get(found[1]) or _THREE_LETTERS.get(found[1], found[1])
    return code if code in _KNOWN else UNDETERMINED


def clean(text: str) -> str:
    """The words that show a post's language, in lower case, without links, names, tags, numbers, laughter and emoji."""
    text = _STRETCHED.sub(r"\1\1", _LAUGHTER.sub(" ", _NOT_WORDS.sub(" ", text[:_CUT_CHARS])))
    words = list(filter(None, _WORD.findall(text)))
    if 2 <= len(words) <= _NAME_WORDS and all(word in _IN_NAMES or _NAME.match(word) for word in words):
        return ""
    return " ".join(words)[:READ_CHARS].lower()
