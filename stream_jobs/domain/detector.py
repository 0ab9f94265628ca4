"""py3langid's model, scored here: with a prior for how often languages are posted in, its table laid out for speed."""

import math
import unicodedata
from array import array
from collections import Counter
from typing import Final

import numpy as np
from py3langid.langid import LanguageIdentifier

# A broad list, because a text in a language that isn't listed is given to one that is. Left out are languages whose
# posts would mostly be taken from a larger relative (Bosnian, Asturian, Moroccan Arabic), and those that hardly anyone
# posts in.
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
"""Words from which a text is read as a phrase: with the prior, and with a word's edge at both ends. Shorter ones are
names and cries as often as English, and must show their language without help."""
_WORDS_KNOWN: Final = 20_000
"""Words whose features are remembered, 8 MB. A few thousand words are most of what is said."""
_BYTES: Final = bytes([*b" '-abcdefghijklmnopqrstuvwxyz", *range(0x80, 0xC0), *range(0xC2, 0xF5), 0])
"""Bytes of words in small letters, in UTF-8; any other is read as the last one. Columns for these alone: 17 MB less."""
_AT_ONCE: Final = 1024
_ONE: Final = 512
"""The model's 16-bit floats are all of 9 binary places at most: as whole numbers of 16 bits nothing of them is lost."""


class Detector:
    """A naive Bayes model over byte n-grams: 82 languages. Loading takes a second, a text of 15 words some 50 us."""

    def __init__(self, model: LanguageIdentifier) -> None:
        """`model` is the library's own, with normalised probabilities; it is not needed afterwards."""
        model.set_languages(LANGUAGES)
        self._codes: Final[list[str]] = list(model.nb_classes)
        # Rows in a piece are twice as fast to gather as the library's columns. Against 32-bit floats, 17 MB less, for
        # 2 us a text; 16-bit floats would take 30 us more: few processors calculate with them.
        self._table: Final = np.empty(model.nb_ptc.shape, dtype=np.int16)
        np.multiply(model.nb_ptc, _ONE, out=self._table, dtype=np.float32, casting="unsafe")
        self._bias: Final = model.nb_pc.astype(np.float32)
        self._column: Final = bytes(_BYTES.find(byte) % len(_BYTES) for byte in range(256))
        moves = np.frombuffer(model.tk_nextmove, dtype=model.tk_nextmove.typecode).reshape(-1, 256)
        self._next: Final = array(model.tk_nextmove.typecode)
        for start in range(0, len(moves), _AT_ONCE):  # in one piece, the copy would leave a hole in the heap
            self._next.frombytes(moves[start : start + _AT_ONCE, list(_BYTES)].tobytes())
        self._row: Final = array("I", [row * len(_BYTES) for row in model.tk_row])
        self._output: Final = model.tk_output
        first = {code: at for at, code in reversed(list(enumerate(self._codes)))}
        self._twice: Final = [(first[code], at) for at, code in enumerate(self._codes) if first[code] != at]
        self._space: Final = self._walk(0, b" ")[0]
        self._words: Final[dict[tuple[int, str], tuple[int, list[int]]]] = {}
        self._prior: Final = np.array([_prior(code) for code in self._codes], dtype=np.float32)

    def detect(self, words: str) -> tuple[str, float]:
        """The likeliest language of words in small letters, a space between two, and its probability."""
        read = unicodedata.normalize("NFC", words)
        phrase = words.count(" ") >= _PHRASE_WORDS - 1
        seen = Counter(self._features(read, phrase))
        if not seen:
            return "und", 0.0
        features = np.fromiter(seen.keys(), dtype=np.intp, count=len(seen))
        counts = np.fromiter(seen.values(), dtype=np.float32, count=len(seen))
        scores = (np.log1p(counts) / _ONE) @ self._table.take(features, axis=0).astype(np.float32) + self._bias
        # The model's own temperature: keeps probabilities honest across lengths.
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
        """The model's features in a text, as its automaton meets them byte by byte. Words that it has met it knows."""
        if not phrase:
            return self._walk(0, text.encode("utf-8", "surrogatepass"))[1]
        state, features = self._space, list[int]()
        for word in text.split(" "):
            known = self._words.get((state, word))
            if known is None:
                known = self._walk(state, f"{word} ".encode("utf-8", "surrogatepass"))
                if len(self._words) >= _WORDS_KNOWN:
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
    """How much more often than others a language is posted in, cut down to what a balanced sample bears."""
    if code == "en":
        return 2.0
    return 0.5 if code in _RARE else 1.0
