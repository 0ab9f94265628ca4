"""The language of a post: the platform's word where it has one, else what a detector makes of the cleaned text."""

import re
import unicodedata
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

UNDETERMINED: Final = "und"
SURE_ENOUGH: Final = 0.6
"""The detector's confidence below which a language is undetermined."""
OVERRULES: Final = 0.8
"""The detector's confidence from which it overrules an author's own label."""

Source = Literal["platform", "author", "detector", "none"]

# What platforms write and ISO 639-1 has another name for, or none: X's legacy codes and its codes for posts without a
# language (X API documentation, "Supported languages"), and Chinese and Norwegian by their parts.
_OLD_CODES: Final = {
    "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "no": "nb", "nn": "nn", "sh": "sr", "fil": "tl",
    "cmn": "zh", "wuu": "zh", "yue": "zh",
    "und": UNDETERMINED, "zxx": UNDETERMINED, "mul": UNDETERMINED, "art": UNDETERMINED,
    "qam": UNDETERMINED, "qct": UNDETERMINED, "qht": UNDETERMINED, "qme": UNDETERMINED, "qst": UNDETERMINED,
}  # fmt: skip
_CODE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9-_]*)?\Z")
_NOT_WORDS: Final = re.compile(
    r"(?:https?://|www\.)\S++|[@＠#＃][\w·]++|&(?:amp|lt|gt|quot|#\d+);|\bRT\b", re.IGNORECASE
)


class LanguageTag(msgspec.Struct, frozen=True):
    """A post's language. `code` is ISO 639-1 where that has one, "und" where there's nothing to judge."""

    code: str
    source: Source
    confidence: float
    """1 for a platform's or an author's word, else the detector's probability."""
    claimed: str | None = None
    """The author's label, where the detector overruled it."""


class Languages:
    """Knows languages. Made once: loading the detector takes about two seconds."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._detector: Final[Any] = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._detect = lru_cache(maxsize=65_536)(self._detect_anew)
        self._detect("warm up")

    def tag(
        self, text: str, claimed: str | None, claimed_by: Literal["platform", "author"] = "platform"
    ) -> LanguageTag:
        """The language of a text whose platform or author claims it to be in `claimed`. Never raises."""
        claim = normal_code(claimed)
        if claim != UNDETERMINED and claimed_by == "platform":
            return LanguageTag(claim, "platform", 1.0)
        code, confidence = self._detect(clean(text))
        if claim != UNDETERMINED:
            if code not in (claim, UNDETERMINED) and confidence >= OVERRULES:
                return LanguageTag(code, "detector", confidence, claim)
            return LanguageTag(claim, "author", 1.0)
        if code == UNDETERMINED:
            return LanguageTag(UNDETERMINED, "none", 0.0)
        return LanguageTag(code, "detector", confidence)

    def _detect_anew(self, words: str) -> tuple[str, float]:
        if not words:
            return UNDETERMINED, 0.0
        code, confidence = self._detector.classify(words)
        return (normal_code(code), confidence) if confidence >= SURE_ENOUGH else (UNDETERMINED, confidence)


def normal_code(claimed: str | None) -> str:
    """The ISO 639-1 code for a language tag as platforms write it ("pt-BR", "in"), "und" where it names no language."""
    found = _CODE.match(claimed.lower()) if claimed else None
    return _OLD_CODES.get(found[1], found[1]) if found else UNDETERMINED


def clean(text: str) -> str:
    """The words of a post: without links, mentions, tags, emoji."""
    text = _NOT_WORDS.sub(" ", text)
    letters = (char if unicodedata.category(char)[0] in "LM'" or char in "'’-" else " " for char in text[:1000])
    return " ".join("".join(letters).split())
