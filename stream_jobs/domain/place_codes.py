"""Capital-letter abbreviations of states and countries: what "TX" means alone, and what it means after a city."""

from typing import Final

_US: Final = (  # noqa: SIM905
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
).split()  # fmt: skip
_CANADA: Final = ["AB", "BC", "MB", "NB", "NL", "NS", "ON", "PE", "QC", "SK", "YT", "NT", "NU"]
_AUSTRALIA: Final = ["NSW", "VIC", "QLD", "TAS", "ACT", "WA", "SA", "NT"]
_BRAZIL: Final = (  # noqa: SIM905
    "SP RJ MG RS PR SC BA PE CE DF GO PA AM ES MT MS MA RN PB AL SE PI TO RO AC AP RR"
).split()  # fmt: skip
_INDIA: Final = [
    "MH",
    "KA",
    "TN",
    "DL",
    "UP",
    "WB",
    "GJ",
    "RJ",
    "AP",
    "TS",
    "TG",
    "KL",
    "HR",
    "PB",
    "MP",
    "BR",
    "OD",
    "UK",
]
_ITALY: Final = ["RM", "MI", "NA", "TO", "PA", "BO", "FI", "BA", "CT", "VE", "GE", "VR", "PD", "TS", "BS", "SA", "BG"]
_COUNTRIES: Final = (  # noqa: SIM905
    "AE AR AT AU BD BE BG BR CA CH CL CN CO CR CZ DE DK DO EC EE EG ES FI FR GB GH GR GT HK HR HU ID IE IL IN IQ IR IS "
    "IT JM JO JP KE KR KW LA LB LK LT LU LV MA MX MY NG NL NO NP NZ OM PA PE PH PK PL PR PT PY QA RO RS RU SA SE SG SI "
    "SK SN SV TH TN TR TT TW TZ UA UG US UY VE VN ZA ZM ZW"
).split()  # fmt: skip
_THREE: Final = {
    "GBR": "GB", "ENG": "GB", "SCO": "GB", "WAL": "GB", "NIR": "GB", "USA": "US", "FRA": "FR", "DEU": "DE", "GER": "DE",
    "ESP": "ES", "ITA": "IT", "PRT": "PT", "NLD": "NL", "NED": "NL", "BEL": "BE", "CHE": "CH", "SUI": "CH", "AUT": "AT",
    "SWE": "SE", "DNK": "DK", "DEN": "DK", "IRL": "IE", "BRA": "BR", "MEX": "MX", "ARG": "AR", "CHL": "CL", "COL": "CO",
    "VEN": "VE", "ECU": "EC", "URY": "UY", "AUS": "AU", "NZL": "NZ", "JPN": "JP", "KOR": "KR", "CHN": "CN", "TWN": "TW",
    "IND": "IN", "PAK": "PK", "BGD": "BD", "LKA": "LK", "NPL": "NP", "IDN": "ID", "INA": "ID", "MYS": "MY", "PHL": "PH",
    "THA": "TH", "VNM": "VN", "TUR": "TR", "SAU": "SA", "KSA": "SA", "ARE": "AE", "UAE": "AE", "EGY": "EG", "KWT": "KW",
    "QAT": "QA", "LBN": "LB", "NGA": "NG", "GHA": "GH", "KEN": "KE", "ZAF": "ZA", "RSA": "ZA", "UGA": "UG", "TZA": "TZ",
    "RUS": "RU", "UKR": "UA", "GRC": "GR", "HUN": "HU", "CZE": "CZ", "ROU": "RO", "NYC": "US",
}  # fmt: skip


def _meanings() -> dict[str, tuple[str, ...]]:
    """Every abbreviation with all its meanings. States of the United States come first."""
    meanings: dict[str, dict[str, None]] = {}
    for country, codes in (
        ("US", _US), ("CA", _CANADA), ("AU", _AUSTRALIA), ("", _COUNTRIES),
        ("BR", _BRAZIL), ("IN", _INDIA), ("IT", _ITALY),
    ):  # fmt: skip
        for code in codes:
            meanings.setdefault(code, {})[country or code] = None
    meanings["UK"] = {"GB": None}
    meanings |= {code: {country: None} for code, country in _THREE.items()}
    return {code: tuple(countries) for code, countries in meanings.items()}


BEHIND_PLACE: Final = _meanings()
"""Meanings of an abbreviation after a city: "Perth, WA" is in Australia, "Seattle, WA" is not. Most likely first."""

_WORDS: Final = frozenset("AM AS AT BE BY CO DO GO HI IN IS IT ME MY NO OK ON OR PA SO TO UP".split())  # noqa: SIM905
# Means something else more often than the country.
_OTHERS: Final = frozenset(
    {"IRL", "DEN", "COL", "PHL", "IND", "SA", "PR", "SC", "MS", "TS", "AP", "AC", "SE", "MP", "PE"}
)

ALONE: Final = {
    code: countries
    for code, countries in BEHIND_PLACE.items()
    if code not in _WORDS | _OTHERS and (len(code) == 3 or code in (*_US, *_COUNTRIES, "BC", "QC", "AB", "UK"))
}
"""Meanings of an abbreviation with nothing before it. With more than one meaning ("CA", "DE") there is no answer."""
