"""The rules of X's filtered stream: compares the rules that the campaigns need with X's, and updates X's.

Sources: "Filtered stream: build a rule" and "Filtered stream operators" in X's developer documentation. Rules with the
tag `hashtide:CAMPAIGN:NUMBER` are ours; others are never changed.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpx
import msgspec

from producers.sources.http import ask
from producers.sources.lost import Lost, Refused, excerpt
from producers.wanted import Terms, Wanted

log = logging.getLogger(__name__)

PATH: Final = "/2/tweets/search/stream/rules"
OURS: Final = "hashtide:"

MAX_PAGES: Final = 100
"""Pages of rules that are read: no access level allows more than a few."""

_OR: Final = " OR "


class XRule(msgspec.Struct, frozen=True):
    """One rule; `id` is X's, once the rule exists."""

    value: str
    tag: str | None = None
    id: str | None = None


class RulePlan(msgspec.Struct, frozen=True):
    """Changes to make: add first, then remove, so that no post is missed in between."""

    add: tuple[XRule, ...]
    remove: tuple[XRule, ...]


def rules(wanted: Wanted, max_chars: int) -> list[XRule]:
    """The rules that match all campaigns' posts, each of at most `max_chars` characters. Pure. Raises Refused for a tag
    or phrase that is too long for a rule.

    Each operator on roots gets separate rules: not every access level has every operator, and X refuses the whole rule
    with an operator that is missing.
    """
    return [
        XRule(value, f"{OURS}{terms.campaign}:{number}")
        for terms in wanted.campaigns
        for number, value in enumerate(_values(terms, max_chars), 1)
    ]


def _values(terms: Terms, max_chars: int) -> Iterator[str]:
    roots = [post_id for platform, _, post_id in (root.partition(":") for root in terms.roots) if platform == "x"]
    yield from _joined((f"#{tag}" for tag in terms.tags), max_chars)
    yield from _joined((_quoted(phrase) for phrase in terms.phrases), max_chars)
    for operator in ("conversation_id", "quotes_of_tweet_id", "retweets_of_tweet_id"):
        yield from _joined((f"{operator}:{root}" for root in roots), max_chars)


def _joined(parts: Iterable[str], max_chars: int) -> Iterator[str]:
    """The parts joined with OR, in as few rules as possible."""
    rule = ""
    for part in parts:
        if len(part) > max_chars:
            raise Refused(
                f"{part!r} has {len(part)} characters, but a rule of X's filtered stream has at most {max_chars}"
            )
        longer = f"{rule}{_OR}{part}" if rule else part
        if len(longer) > max_chars:
            yield rule
            longer = part
        rule = longer
    if rule:
        yield rule


def _quoted(phrase: str) -> str:
    return '"' + phrase.replace('"', " ").replace("\\", " ") + '"'


def plan(wanted: Sequence[XRule], present: Sequence[XRule]) -> RulePlan:
    """The changes that turn X's rules into the wanted ones. Pure. An existing equal rule counts, by any creator."""
    values = {rule.value for rule in wanted}
    existing = {rule.value for rule in present}
    distinct = {rule.value: rule for rule in reversed(wanted) if rule.value not in existing}
    return RulePlan(
        add=tuple(rule for rule in wanted if distinct.get(rule.value) is rule),
        remove=tuple(rule for rule in present if (rule.tag or "").startswith(OURS) and rule.value not in values),
    )


class _Problem(msgspec.Struct, frozen=True):
    """Why X refuses a rule or a request."""

    title: str = ""
    value: str | None = None
    detail: str = ""
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return excerpt(" ".join(filter(None, (self.title, self.detail, *self.details))))


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: tuple[XRule, ...] = ()
    errors: tuple[_Problem, ...] = ()
    meta: _Meta = _Meta()


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class RulesApi:
    """The rules of one X app. Every method blocks for its requests, and raises Lost and Refused; callers retry."""

    def __init__(self, client: httpx.Client, clock_ms: Callable[[], int]) -> None:
        self._client, self._clock_ms = client, clock_ms

    def present(self) -> list[XRule]:
        """All existing rules, including those of other programs."""
        found: list[XRule] = []
        params: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = self._ask("GET", params=params)
            found.extend(answer.data)
            if not answer.meta.next_token:
                return found
            params = {"pagination_token": answer.meta.next_token}
        raise Lost("http-error", f"more than {MAX_PAGES} pages of rules")

    def add(self, rules: Sequence[XRule], *, dry_run: bool) -> dict[str, str]:
        """Add rules, or with `dry_run` only check them. Returns X's reasons by value for the rules that it refuses."""
        body = {"add": [{"value": rule.value, "tag": rule.tag} for rule in rules]}
        answer = self._ask("POST", params=_dry(dry_run), json=body)
        problems = {}
        for problem in answer.errors:
            if problem.value is None:
                raise Refused(f"X's stream rules: {problem}")
            if "duplicate" not in problem.title.lower():
                problems[problem.value] = str(problem)
        return problems

    def remove(self, rules: Sequence[XRule], *, dry_run: bool) -> None:
        """Remove rules, or with `dry_run` only check that."""
        answer = self._ask("POST", params=_dry(dry_run), json={"delete": {"ids": [rule.id for rule in rules]}})
        if answer.errors:
            raise Refused(f"X's stream rules: {answer.errors[0]}")

    def _ask(self, method: str, **request: Any) -> _Answer:
        # A 400 has the reasons rule by rule, like a success.
        response, body = ask("X's stream rules", self._client, method, PATH, self._clock_ms, taken=(400,), **request)
        try:
            return _ANSWER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Lost("http-error", f"HTTP {response.status_code} with an unreadable answer") from None


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dry_run": "true"} if dry_run else {}


def put_in_place(api: RulesApi, wanted: Sequence[XRule], *, dry_run: bool) -> RulePlan:
    """Update X's rules to the wanted ones; checks every change with a dry run first. With `dry_run`, only that. Returns
    the changes.

    Logs each rule that X refuses, and continues with the others. Raises Refused if no rule is left, and as `api` does.
    """
    present = api.present()
    planned = plan(wanted, present)
    problems = api.add(planned.add, dry_run=True) if planned.add else {}
    for value, problem in problems.items():
        log.warning("X refuses a rule, so its posts will be missing: %s: %s", value, problem)
    planned = RulePlan(tuple(rule for rule in planned.add if rule.value not in problems), planned.remove)
    kept = {rule.value for rule in present} & {rule.value for rule in wanted}
    if not planned.add and not kept:
        raise Refused("X refuses all rules of the campaigns" if wanted else "no campaign has anything to search on X")
    if planned.remove:
        api.remove(planned.remove, dry_run=True)
    if not dry_run:
        if planned.add:
            refused = api.add(planned.add, dry_run=False)
            if refused:
                raise Refused(f"X's stream rules: {next(iter(refused.values()))}")
        if planned.remove:
            api.remove(planned.remove, dry_run=False)
    log.info("X's stream rules: %d added, %d removed, %d kept", len(planned.add), len(planned.remove), len(kept))
    return planned


def shown(rules: Iterable[XRule]) -> list[dict[str, str | None]]:
    """Rules for people and scripts."""
    return [{"tag": rule.tag, "value": rule.value} for rule in rules]
