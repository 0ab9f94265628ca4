"""The country named in a profile's free text: "Lagos, Nigeria", "ATL", "🇧🇷", "東京都渋谷区". No guesses, no jokes.

A text is split into places ("London | Lagos" has two), a place into parts ("Austin, TX" has two). A part means one or
more countries. A place's country is the one that all its known parts can mean. A text's country is the one that all
its places share. If no country or more than one is left, there is no answer.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from stream_jobs.domain.place_codes import ALONE, BEHIND_PLACE
from stream_jobs.domain.place_names import key_of
from stream_jobs.domain.text import LINK_OR_MENTION

READ_CHARS: Final = 120
"""Characters of a text that are read. Platforms limit the field to fewer."""
MOST_WORDS: Final = 7
"""Most words of a part that is split into names. More words are a sentence."""

_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_BRITISH_FLAG: Final = re.compile("\U0001f3f4\U000e0067\U000e0062[\U000e0061-\U000e007a]{3}\U000e007f")
_BETWEEN_PLACES: Final = re.compile(
    "[|/\\\\•·●∙&+;:\n<>=~➡→⇒↔➔⇄✈🔜🛫🛬]|\\.{2,}|\\s[xX]\\s|(?<=\\s)(?:and|or|to|via|then|et|und|ou|y|e|o|i)(?=\\s)",
    re.IGNORECASE,
)
_BETWEEN_PARTS: Final = re.compile(
    '[,،、，。()（）\\[\\]{}"“”«»!?…*_#@^\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff♡]+|(?<=\\w{3})\\.\\s|\\s[-–—]+|[-–—]+\\s'
)
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufe0e\ufe0f\U000e0000-\U000e007f]")
_CODE: Final = re.compile("[A-Z]{2,3}\\Z")
_BEHIND_NAME: Final = re.compile("(.*[a-z].*) ([A-Z]{2,3})\\Z")
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
# Words around a name that do not change its meaning: "Greater London", "Lagos state", "born in Lima".
_AROUND: Final = frozenset(
    """
    the in from between entre at of my near around outside just somewhere living live lives based born raised made
    proudly currently now originally native downtown central greater inner upper lower metro metropolitan suburban rural
    sunny rainy beautiful lovely cold hot old north south east west northern southern eastern western
    northwest northeast southwest southeast mid area city state province county region town district
    capital island coast side republic
    de del la el en do da em no na desde vivo ciudad cidade provincia estado region distrito
    سلطنه دوله مدينه جمهوريه مملكه محافظه ولايه شهر استان город г из
    a dans depuis ville aus im der stadt bei nahe di nel citta via kota provinsi dki kab kabupaten
    """.split()  # noqa: SIM905
)
_SMALL: Final = frozenset({"uk", "q8", "ny", "nz", "hk", "sg", "tx", "dc", "nj", "kl", "sf"})
"""Two-letter names that people also write in lower case. Any other two lower-case letters are a word."""
# Places with their own code that also belong to a country: "Hong Kong, China" is not a contradiction.
_PART_OF: Final = (
    dict.fromkeys(("HK", "MO"), "CN") | dict.fromkeys(("PR", "GU", "VI", "AS", "MP"), "US")
    | dict.fromkeys(("RE", "GP", "MQ", "GF", "YT", "NC", "PF"), "FR") | dict.fromkeys(("AW", "CW", "SX", "BQ"), "NL")
    | dict.fromkeys(("GI", "JE", "GG", "IM", "BM", "KY"), "GB") | {"GL": "DK", "FO": "DK", "AX": "FI"}
)  # fmt: skip


class Meaning(msgspec.Struct, frozen=True):
    """The possible meanings of a name."""

    countries: tuple[str, ...]
    """Most likely first. Empty: its parts contradict each other."""
    sure: bool
    """The first country is likely enough without further evidence."""
    worth: int
    """1 a smaller city, 2 a large city or state, 3 a country or a name with no other meaning, 4 two agreeing names."""


class Profiles:
    """Finds the country named in a profile's text. `names`: the table of `data/places.py`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names: Final = names

    def country(self, text: str) -> tuple[str, int] | None:
        """The country and the name's worth (`Meaning.worth`). None if there is no answer. Never raises."""
        text = text[:READ_CHARS]
        found = {_code_of_flag(flag) for flag in _FLAG.findall(text)}
        if _BRITISH_FLAG.search(text):
            found.add("GB")
        worth = 3 if found else 0
        text = LINK_OR_MENTION.sub(" ", _INVISIBLE.sub("", text))
        whole = None if _CODE.match(text) else self._name(text)
        for meaning in [whole] if whole else map(self._place, _BETWEEN_PLACES.split(text)):
            if meaning is None:
                continue
            if not meaning.sure:
                return None
            worth = 4 if worth else meaning.worth
            found.add(meaning.countries[0])
        return (found.pop(), worth) if len(found) == 1 else None

    def _place(self, text: str) -> Meaning | None:
        """What all known parts of a place can mean together. None: no part is known."""
        meanings: list[Meaning] = []
        parts = [part for part in map(str.strip, _BETWEEN_PARTS.split(text)) if part]
        for number, part in enumerate(parts):
            meanings += self._part(part, behind=number > 0)
        return _combine(meanings)

    def _part(self, text: str, behind: bool) -> list[Meaning]:
        """The meanings of a part of a place: one for each name in a row of names; none for an unknown part."""
        if _CODE.match(text) and (codes := (BEHIND_PLACE if behind else ALONE).get(text)):
            return [Meaning(codes, behind or len(codes) == 1, 2)]
        if name := self._name(text):
            return [name]
        if _UNSPACED.search(text):
            return self._unspaced(text)
        if (found := _BEHIND_NAME.match(text)) and found[2] in BEHIND_PLACE:
            return [*self._part(found[1], behind), Meaning(BEHIND_PLACE[found[2]], True, 2)]
        return self._row(key_of(text).split())

    def _name(self, text: str) -> Meaning | None:
        key = key_of(text)
        if len(key) == 2 and key.isascii() and not (text.strip().isupper() or key in _SMALL):
            return None
        return self._meaning(key)

    def _meaning(self, key: str) -> Meaning | None:
        value = self._names.get(key)
        if value is None:
            return None
        return Meaning(tuple(value[1:].lstrip("?").split()), value[1] != "?", int(value[0]))

    def _unspaced(self, text: str) -> list[Meaning]:
        """The longest prefix that is a name: Chinese, Japanese and Korean write the largest part first."""
        key = key_of(text)
        for end in range(min(len(key), 12), 1, -1):
            if meaning := self._meaning(key[:end]):
                return [meaning]
        return []

    def _row(self, words: list[str]) -> list[Meaning]:
        """The names in a row of words, if it contains nothing else: "lagos nigeria", "sunny california"."""
        if len(words) > MOST_WORDS:
            return []
        meanings: list[Meaning] = []
        start = 0
        while start < len(words):
            for end in range(len(words), start, -1):
                key = " ".join(words[start:end])
                meaning = self._meaning(key) if len(key) > 2 and (end - start < len(words)) else None
                if meaning is not None and meaning.worth > 1:
                    meanings.append(meaning)
                    start = end
                    break
            else:
                if words[start] not in _AROUND:
                    return []
                start += 1
        return meanings


def _combine(meanings: list[Meaning]) -> Meaning | None:
    if len(meanings) < 2:
        return meanings[0] if meanings else None
    first, *others = meanings
    left = [code for code in first.countries if all(_can_be(code, other.countries) for other in others)]
    for other in others:  # "China, Hong Kong": the part follows the whole
        left += [code for code in other.countries if _PART_OF.get(code) in first.countries and code not in left]
    if not left and any(meaning.worth == 1 for meaning in meanings):
        return _combine([meaning for meaning in meanings if meaning.worth > 1]) or Meaning((), False, 1)
    likeliest = {meaning.countries[0] for meaning in meanings if meaning.sure}
    agreed = len(left) == 1 or (len(likeliest) == 1 and left[:1] == list(likeliest))
    return Meaning(tuple(left), bool(left) and agreed, 4)


def _can_be(code: str, countries: tuple[str, ...]) -> bool:
    return code in countries or _PART_OF.get(code) in countries


def _code_of_flag(flag: str) -> str:
    return "".join(chr(ord(sign) - 0x1F1E6 + ord("A")) for sign in flag)
