"""py3langid's model, scored here: with a prior for how often languages are posted in, its table laid out for speed."""

import math
import unicodedata
from typing import Final

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier, visit_counts

# A broad list, because a text in a language that isn't listed is given to one that is. Left out are languages whose
# posts would mostly be taken from a larger relative (Bosnian, Asturian, Moroccan Arabic), and those that hardly anyone
# posts in.
_LANGUAGES: Final = [
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
_PRIOR_WORDS: Final = 3
"""Words from which the prior counts. Shorter texts are names and cries as often as English."""


class Detector:
    """A naive Bayes model over byte n-grams: 82 languages. Loading takes a second, a text of 15 words some 50 us."""

    def __init__(self) -> None:
        model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        model.set_languages(_LANGUAGES)
        self._codes: Final[list[str]] = list(model.nb_classes)
        # The library keeps 16-bit numbers in columns; rows of 32 bits in a piece are twice as fast to gather.
        self._table: Final = np.ascontiguousarray(model.nb_ptc, dtype=np.float32)
        self._bias: Final = model.nb_pc.astype(np.float32)
        self._next: Final = model.tk_nextmove
        self._output: Final = model.tk_output
        self._row: Final = [row << 8 for row in model.tk_row]
        first = {code: at for at, code in reversed(list(enumerate(self._codes)))}
        self._twice: Final = [(first[code], at) for at, code in enumerate(self._codes) if first[code] != at]
        self._prior: Final = np.array([_prior(code) for code in self._codes], dtype=np.float32)

    def detect(self, words: str) -> tuple[str, float]:
        """The likeliest language of words in small letters, and its probability."""
        read = unicodedata.normalize("NFC", words).encode("utf-8", "surrogatepass")
        seen = visit_counts(self._next, self._row, self._output, read)
        if not seen:
            return "und", 0.0
        features = np.fromiter(seen.keys(), dtype=np.intp, count=len(seen))
        counts = np.fromiter(seen.values(), dtype=np.float32, count=len(seen))
        scores = np.log1p(counts) @ self._table.take(features, axis=0) + self._bias
        scores *= 1.0 / math.sqrt(len(read))  # the model's own temperature: keeps probabilities honest across lengths
        chances = np.exp(scores - scores.max())
        if words.count(" ") >= _PRIOR_WORDS - 1:
            chances *= self._prior
        for first, second in self._twice:  # a language in two scripts
            chances[first] += chances[second]
            chances[second] = 0
        best = int(chances.argmax())
        return self._codes[best], float(chances[best] / chances.sum())


def _prior(code: str) -> float:
    """How much more often than others a language is posted in, cut down to what a balanced sample bears."""
    if code == "en":
        return 3.0
    return 0.5 if code in _RARE else 1.0
