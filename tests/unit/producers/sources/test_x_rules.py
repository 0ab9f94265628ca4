import pytest

from producers.sources import http
from producers.sources.lost import Lost, Refused
from producers.sources.x_rules import PATH, RulePlan, RulesApi, XRule, plan, put_in_place, rules
from producers.wanted import Terms, Wanted
from tests.unit.producers.sources.fakes import Clock
from tests.unit.producers.sources.loopback import Act, Web, XRules, answering, web


def wanted(*terms: Terms) -> Wanted:
    return Wanted(terms, lambda post: True)


HARBOUR = Terms("harbour", ("OpenTheHarbour", "ÖffnetDenHafen"), (), ("x:1234", "bluesky:at://did:plc:a/b/c"))


def test_rules_match_tags_and_replies_quotes_and_reposts_of_roots() -> None:
    assert rules(wanted(HARBOUR), 512) == [
        XRule("#OpenTheHarbour OR #ÖffnetDenHafen", "hashtide:harbour:1"),
        XRule("conversation_id:1234", "hashtide:harbour:2"),
        XRule("quotes_of_tweet_id:1234", "hashtide:harbour:3"),
        XRule("retweets_of_tweet_id:1234", "hashtide:harbour:4"),
    ]


def test_splits_rules_at_maximum_length() -> None:
    terms = Terms("long", tuple(f"tag{number:04}" for number in range(100)), (), ())
    made = rules(wanted(terms), 64)
    assert [rule.value for rule in made[:2]] == [
        "#tag0000 OR #tag0001 OR #tag0002 OR #tag0003 OR #tag0004",
        "#tag0005 OR #tag0006 OR #tag0007 OR #tag0008 OR #tag0009",
    ]
    assert len(made) == 20
    assert [rule.tag for rule in made[-2:]] == ["hashtide:long:19", "hashtide:long:20"]


def test_rule_can_have_exactly_the_maximum_length() -> None:
    terms = Terms("edge", ("a" * 29, "b" * 29), (), ())
    assert [len(rule.value) for rule in rules(wanted(terms), 64)] == [64]
    assert [len(rule.value) for rule in rules(wanted(terms), 63)] == [30, 30]


def test_error_names_term_that_is_too_long() -> None:
    with pytest.raises(Refused, match="has 65 characters, but a rule of X's filtered stream has at most 64"):
        rules(wanted(Terms("long", ("a" * 64,), (), ())), 64)


def test_quotes_phrases_without_injection() -> None:
    terms = Terms("p", (), ("let them in", 'in" OR from:me OR "'), ())
    assert [rule.value for rule in rules(wanted(terms), 512)] == ['"let them in" OR "in  OR from:me OR  "']


def test_adds_missing_rules_and_removes_only_our_own() -> None:
    present = [
        XRule("#a", "hashtide:harbour:1", "1"),
        XRule("#old", "hashtide:harbour:2", "2"),
        XRule("#theirs", "somebody", "3"),
        XRule("#untagged", None, "4"),
        XRule("#b", "somebody", "5"),
    ]
    needed = [
        XRule("#a", "hashtide:h:1"),
        XRule("#b", "hashtide:h:2"),
        XRule("#c", "hashtide:h:3"),
        XRule("#c", "hashtide:i:1"),
    ]
    assert plan(needed, present) == RulePlan(
        add=(XRule("#c", "hashtide:h:3"),), remove=(XRule("#old", "hashtide:harbour:2", "2"),)
    )


def put(act: Act, needed: list[XRule], *, dry_run: bool = False) -> tuple[RulePlan, Web]:
    with web({PATH: [act] * 9}) as server, http.client(server.url, "t", 5) as client:
        return put_in_place(RulesApi(client, Clock()), needed, dry_run=dry_run), server


def test_makes_each_change_as_dry_run_first() -> None:
    x = XRules({"id": "7", "value": "#old", "tag": "hashtide:h:1"}, {"id": "8", "value": "#theirs"})
    done, server = put(x, [XRule("#new", "hashtide:h:1")])
    assert done == RulePlan((XRule("#new", "hashtide:h:1"),), (XRule("#old", "hashtide:h:1", "7"),))
    assert [query.get("dry_run") for query in server.queries[PATH]] == [None, "true", "true", None, None]
    assert [rule["value"] for rule in x.present] == ["#theirs", "#new"]


def test_dry_run_changes_nothing() -> None:
    x = XRules({"id": "7", "value": "#old", "tag": "hashtide:h:1"})
    done, server = put(x, [XRule("#new", "hashtide:h:1")], dry_run=True)
    assert [rule.value for rule in done.add + done.remove] == ["#new", "#old"]
    assert [query.get("dry_run") for query in server.queries[PATH]] == [None, "true", "true"]
    assert x.present == [{"id": "7", "value": "#old", "tag": "hashtide:h:1"}]


def test_sends_no_change_if_rules_are_up_to_date() -> None:
    _, server = put(XRules({"id": "7", "value": "#a", "tag": "hashtide:h:1"}), [XRule("#a", "hashtide:h:1")])
    assert server.bodies == []


def test_adds_other_rules_if_x_refuses_one(caplog: pytest.LogCaptureFixture) -> None:
    x = XRules(invalid=("quotes_of_tweet_id:1",))
    done, _ = put(x, [XRule("#a", "hashtide:h:1"), XRule("quotes_of_tweet_id:1", "hashtide:h:2")])
    assert [rule.value for rule in done.add] == ["#a"]
    assert [rule["value"] for rule in x.present] == ["#a"]
    assert "quotes_of_tweet_id:1: UnprocessableEntity no such operator" in caplog.text


def test_error_if_no_rule_remains() -> None:
    with pytest.raises(Refused, match="X refuses all rules of the campaigns"):
        put(XRules(invalid=("#a",)), [XRule("#a", "hashtide:h:1")])
    with pytest.raises(Refused, match="no campaign has anything to search on X"):
        put(XRules(), [])


def test_reads_all_pages_of_rules() -> None:
    pages: list[Act] = [
        answering(200, {"data": [{"id": "1", "value": "#a"}], "meta": {"next_token": "more"}}),
        answering(200, {"data": [{"id": "2", "value": "#b"}], "meta": {}}),
    ]
    with web({PATH: pages}) as server, http.client(server.url, "t", 5) as client:
        found = RulesApi(client, Clock()).present()
    assert [rule.value for rule in found] == ["#a", "#b"]
    assert server.queries[PATH] == [{}, {"pagination_token": "more"}]


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff"])
def test_invalid_answer_is_retryable(body: bytes) -> None:
    with (
        web({PATH: [answering(200, body)]}) as server,
        http.client(server.url, "t", 5) as client,
        pytest.raises(Lost, match="http-error"),
    ):
        RulesApi(client, Clock()).present()


def test_error_shows_why_x_refuses_the_request() -> None:
    cap = answering(400, {"errors": [{"title": "RulesCapExceeded", "detail": "too many rules"}]})
    with (
        web({PATH: [answering(200, {"meta": {}}), cap]}) as server,
        http.client(server.url, "t", 5) as client,
        pytest.raises(Refused, match="RulesCapExceeded too many rules"),
    ):
        put_in_place(RulesApi(client, Clock()), [XRule("#a", "hashtide:h:1")], dry_run=False)
