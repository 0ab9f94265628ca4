"""Language detection with py3langid's model. Scored here, with a prior for how common each language is in posts, and
with the table laid out for speed."""

import math
import unicodedata
from array import array
from collections import Counter
from typing import Final

import numpy as np
from py3langid.langid import LanguageIdentifier

# A broad list: a text in an unlisted language is assigned to a listed one. Left out: languages that would mostly take
# posts from a larger relative (Bosnian, Asturian, Moroccan Arabic), and languages that are hardly used in posts.
LANGUAGES: Final = [
    "af", "am", "ar", "az", "be", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et",
    "eu", "fa", "fi", "fr", "ga", "gl", "gu", "ha", "he", "hi", "hr", "ht", "hu", "hy", "id", "is", "it",
    "ja", "ka", "kk", "km", "kn", "ko", "ku", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my",
    "ne", "nl", "no", "or", "pa", "pl", "ps", "pt", "ro", "ru", "si", "sk", "sl", "so", "sq", "sr", "sv",
    "sw", "ta", "te", "th", "tl", "tr", "ug", "uk", "ur", "uz", "vi", "yo", "zh", "zu",
]  # fmt: skip
_RARE: Final = {
    "af", "be", "cy", "eo", "eu", "ga", "gl", "ha", "ht", "kk", "ku", "ky", "lo", "mk", "mn", "ms", "ne",
    "or", "ps", "si", "sl", "so", "ug", "yo", "zu",
}  # fmt: skip
_PHRASE_WORDS: Final = 3
"""Minimum words of a phrase. A phrase is scored with the prior, and with word boundaries at both ends. Shorter texts
are as often names and exclamations as English, so they get no prior."""
_CACHED_WORDS: Final = 20_000
"""Words whose features are cached: 8 MB. A few thousand words make up most posts."""
_BYTES: Final = bytes([*b" '-abcdefghijklmnopqrstuvwxyz", *range(0x80, 0xC0), *range(0xC2, 0xF5), 0])
"""UTF-8 bytes of lower-case words. Any other byte is read as the last one. Only these get columns: saves 17 MB."""
_ROWS_PER_COPY: Final = 1024
_SCALE: Final = 512
"""The model's 16-bit floats have at most 9 binary places, so 16-bit integers hold them without loss."""


class Detector:
    """A naive Bayes model over byte n-grams: 82 languages. Loading takes 1 s, a text of 15 words about 50 us."""

    def __init__(self, model: LanguageIdentifier) -> None:
        """`model`: the library's model, with normalised probabilities. It is not needed afterwards."""
        model.set_languages(LANGUAGES)
        self._codes: Final[list[str]] = list(model.nb_classes)
        # Contiguous rows are twice as fast to gather as the library's columns. Compared with 32-bit floats this saves
        # 17 MB and costs 2 us per text. 16-bit floats would cost 30 us more: few processors calculate with them.
        self._table: Final = np.empty(model.nb_ptc.shape, dtype=np.int16)
        np.multiply(model.nb_ptc, _SCALE, out=self._table, dtype=np.float32, casting="unsafe")
        self._bias: Final = model.nb_pc.astype(np.float32)
        self._column: Final = bytes(_BYTES.find(byte) % len(_BYTES) for byte in range(256))
        moves = np.frombuffer(model.tk_nextmove, dtype=model.tk_nextmove.typecode).reshape(-1, 256)
        self._next: Final = array(model.tk_nextmove.typecode)
        for start in range(0, len(moves), _ROWS_PER_COPY):  # one single copy would leave a hole in the heap
            self._next.frombytes(moves[start : start + _ROWS_PER_COPY, list(_BYTES)].tobytes())
        self._row: Final = array("I", [row * len(_BYTES) for row in model.tk_row])
        self._output: Final = model.tk_output
        first = {code: at for at, code in reversed(list(enumerate(self._codes)))}
        self._twice: Final = [(first[code], at) for at, code in enumerate(self._codes) if first[code] != at]
        self._space: Final = self._walk(0, b" ")[0]
        self._words: Final[dict[tuple[int, str], tuple[int, list[int]]]] = {}
        self._prior: Final = np.array([_prior(code) for code in self._codes], dtype=np.float32)

    def detect(self, words: str) -> tuple[str, float]:
        """The most likely language of lower-case words separated by single spaces, and its probability."""
        read = unicodedata.normalize("NFC", words)
        phrase = words.count(" ") >= _PHRASE_WORDS - 1
        seen = Counter(self._features(read, phrase))
        if not seen:
            return "und", 0.0
        features = np.fromiter(seen.keys(), dtype=np.intp, count=len(seen))
        counts = np.fromiter(seen.values(), dtype=np.float32, count=len(seen))
        scores = (np.log1p(counts) / _SCALE) @ self._table.take(features, axis=0).astype(np.float32) + self._bias
        # The model's own temperature: keeps probabilities comparable between text lengths.
        scores *= 1.0 / math.sqrt(len(read.encode("utf-8", "surrogatepass")))
        chances = np.exp(scores - scores.max())
        if phrase:
            chances *= self._prior
        for first, second in self._twice:  # a language in two scripts
            chances[first] += chances[second]
            chances[second] = 0
        best = int(chances.argmax())
        return self._codes[best], float(chances[best] / chances.sum())

    def _features(self, text: str, phrase: bool) -> list[int]:
        """The model's features in a text, found byte by byte by its automaton. Words are cached."""
        if not phrase:
            return self._walk(0, text.encode("utf-8", "surrogatepass"))[1]
        state, features = self._space, list[int]()
        for word in text.split(" "):
            known = self._words.get((state, word))
            if known is None:
                known = self._walk(state, f"{word} ".encode("utf-8", "surrogatepass"))
                if len(self._words) >= _CACHED_WORDS:
                    self._words.clear()
                self._words[state, word] = known
            state = known[0]
            features += known[1]
        return features

    def _walk(self, state: int, word: bytes) -> tuple[int, list[int]]:
        features = []
        for column in word.translate(self._column):
            state = self._next[self._row[state] + column]
            feature = self._output[state]
            if feature >= 0:
                features.append(feature)
        return state, features


def _prior(code: str) -> float:
    """How much more common than others a language is in posts, reduced to what a balanced sample supports."""
    if code == "en":
        return 2.0
    return 0.5 if code in _RARE else 1.0
