"""Checking, publishing and rolling back the configuration."""

from itertools import islice, product
from typing import Any

import pytest

from .client import MODULES, SEED, Api, logged, refused


def test_a_document_is_checked_without_a_change(api: Api) -> None:
    assert api("POST", "/admin/config/check", {"document": SEED})[1]["valid"] is True
    status, checked = api("POST", "/admin/config/check", {"document": "version: 1\nproviders: {}\nmodels: {}\n"})
    assert (status, checked["valid"], checked["digest"]) == (200, False, None)
    assert checked["problems"][0] == {"line": 2, "path": "providers", "message": "empty; it needs one at least"}
    assert "POST /admin/config/publish" in refused(api("GET", "/admin/config"), "not_found")


def test_a_document_is_published_once(api: Api, published: Any, stage: Any) -> None:
    assert (published["version"], published["changed"]) == (1, True)
    live = api("GET", "/admin/config")[1]
    assert (live["version"], live["author"], live["message"], live["document"]) == (1, "ann", "first", SEED)
    assert [name for name, _ in stage.heard()] == ["ConfigPublished"]
    again = {"changed": False, "changes": [], "summary": "nothing"}
    assert api("POST", "/admin/config/publish", {"document": SEED})[1] == published | again
    assert api("POST", "/admin/config/check", {"document": SEED})[1]["live"] is True


def test_a_wrong_document_is_told_every_line_and_does_not_go_live(api: Api, published: Any) -> None:
    message = refused(api("POST", "/admin/config/publish", {"document": "version: 2\nmodels: {}\n"}), "invalid_request")
    assert "line 1: version: 2 is none of: 1" in message
    assert "line 2: models: empty" in message
    assert api("GET", "/admin/config")[1]["version"] == 1


def test_publishing_over_an_unseen_version_is_refused(api: Api, published: Any) -> None:
    body = {"document": SEED.replace("ttft_s: 5\n", "ttft_s: 6\n"), "expected_version": 0}
    assert "Version 1 by ann came first" in refused(api("POST", "/admin/config/publish", body), "request_in_progress")
    assert api("POST", "/admin/config/publish", body | {"expected_version": 1})[1]["version"] == 2


def test_what_a_stage_says_against_the_document_stays_until_it_says_otherwise(api: Api, published: Any) -> None:
    api("POST", "/admin/config/publish", {"document": SEED, "overrides": {"TIMEOUTS__TTFT_S": "7"}})
    assert api("POST", "/admin/config/publish", {"document": SEED})[1]["changed"] is False
    assert api("GET", "/admin/config")[1]["overrides"] == {"TIMEOUTS__TTFT_S": "7"}
    wrong = {"document": SEED, "overrides": {"PROVIDERS__OPNAI__BASE_URL": "https://example.com"}}
    assert "there is no 'opnai'" in refused(api("POST", "/admin/config/publish", wrong), "invalid_request")
    assert api("POST", "/admin/config/publish", {"document": SEED, "overrides": {}})[1]["digest"] == published["digest"]


def test_an_earlier_version_is_made_live_again(api: Api, published: Any) -> None:
    api("POST", "/admin/config/publish", {"document": SEED.replace("ttft_s: 5\n", "ttft_s: 6\n")})
    status, back = api("POST", "/admin/config/rollback", {"version": 1})
    assert (status, back["version"], back["digest"]) == (200, 3, published["digest"])
    versions = api("GET", "/admin/config/versions")[1]["versions"]
    assert [versions[0][name] for name in ("version", "restores", "message")] == [3, 1, "back to version 1"]
    assert api("GET", "/admin/config/versions/2")[1]["document"] != SEED
    refused(api("POST", "/admin/config/rollback", {"version": 9}), "not_found")
    refused(api("GET", "/admin/config/versions/9"), "not_found")


def test_a_bus_that_is_down_does_not_undo_a_publication(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setenv("SIGNALBOX_BUS", "gone")
    assert api("POST", "/admin/config/publish", {"document": SEED})[0] == 200
    assert "an event was not published" in logged(caplog)[0]


def test_as_many_and_as_long_overrides_as_are_let_in_are_stored(api: Api) -> None:
    name, url = "PROVIDERS__OPENAI__BASE_URL", f"https://example.com/{'ü' * 980}"
    spellings = ("".join(letters) for letters in product(*((sign, sign.lower()) for sign in name if sign.isalpha())))
    overrides = {"__".join((spelt[:9], spelt[9:15], f"{spelt[15:19]}_{spelt[19:]}")): url for spelt in islice(spellings, 64)}
    assert len(overrides) == 64
    assert api("POST", "/admin/config/publish", {"document": SEED, "overrides": overrides})[0] == 200
    assert api("GET", "/admin/config")[1]["overrides"] == overrides


CEILED = SEED.replace("  smart:\n", "  smart:\n    max_cost_a_day_usd: 5\n")


def day_budgets(api: Api) -> list[tuple[str, str, bool]]:
    rows = api("GET", "/admin/budgets", query={"scope": "route", "id": "smart"})[1]["budgets"]
    return [(row["period"], row["limit_usd"], row["hard"]) for row in rows]


def test_a_publication_says_what_it_changes_to_the_bus_and_to_people(api: Api, published: Any, stage: Any) -> None:
    stage.heard(), stage.mailed()
    new = SEED.replace("ttft_s: 5\n", "ttft_s: 6\n").replace("\nflags:\n", "\nflags:\n  monitoring: {enabled: false}\n")
    answer = api("POST", "/admin/config/publish", {"document": new, "message": "a trial"})[1]
    assert (answer["summary"], answer["changes"]) == (
        "1 flag, 1 timeout",
        ["~ timeouts.ttft_s: 5 → 6", "+ flags.monitoring: {enabled: false}"],
    )
    [(name, detail)] = stage.heard()
    assert (name, detail["message"], detail["changes"]) == ("ConfigPublished", "a trial", ["timeouts.ttft_s", "flags.monitoring"])
    [(subject, body)] = stage.mailed()
    assert "version 2 is live: 1 flag, 1 timeout" in subject
    assert "flags.monitoring" in body


def test_a_topic_that_is_gone_does_not_undo_a_publication(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any, capsys: Any) -> None:
    monkeypatch.setenv("SIGNALBOX_ALERT_TOPIC", "arn:aws:sns:us-east-1:123456789012:gone")
    assert api("POST", "/admin/config/publish", {"document": SEED})[0] == 200
    assert "nobody was notified" in logged(caplog)[0]
    assert '"AnnouncementsFailed":[1.0]' in capsys.readouterr().out


def test_two_versions_and_a_document_are_compared(api: Api, published: Any) -> None:
    other = SEED.replace("ttft_s: 5\n", "ttft_s: 6\n")
    told = api("POST", "/admin/config/diff", {"document": other})[1]
    row = {"path": "timeouts.ttft_s", "change": "changed", "old": 5, "new": 6, "said": "~ timeouts.ttft_s: 5 → 6"}
    assert told == {"same": False, "summary": "1 timeout", "changes": [row]}
    api("POST", "/admin/config/publish", {"document": other})
    assert api("POST", "/admin/config/diff", {"from": 1, "to": 2})[1] == told
    assert api("POST", "/admin/config/diff", {"from": 1, "document": SEED + "# a remark\n"})[1]["same"] is True
    assert "line 1" in refused(api("POST", "/admin/config/diff", {"document": "version: 2"}), "invalid_request")
    assert "document: send one" in refused(api("POST", "/admin/config/diff", {"from": 1}), "invalid_request")
    refused(api("POST", "/admin/config/diff", {"from": 1, "to": 9}), "not_found")


def test_a_roll_back_without_a_number_leads_to_what_was_live_before(api: Api, published: Any) -> None:
    assert "no earlier version" in refused(api("POST", "/admin/config/rollback", {}), "not_found")
    for seconds in (6, 7):
        api("POST", "/admin/config/publish", {"document": SEED.replace("ttft_s: 5\n", f"ttft_s: {seconds}\n")})
    back = api("POST", "/admin/config/rollback", {})[1]
    assert (back["restores"], back["changes"]) == (2, ["~ timeouts.ttft_s: 7 → 6"])
    back = api("POST", "/admin/config/rollback", {})[1]  # still wrong: one further back, and not forward to what was fled from
    assert (back["restores"], back["digest"], back["changes"]) == (1, published["digest"], ["~ timeouts.ttft_s: 6 → 5"])
    assert "no earlier version" in refused(api("POST", "/admin/config/rollback", {}), "not_found")
    assert api("POST", "/admin/config/rollback", {"version": 3})[1]["changes"] == ["~ timeouts.ttft_s: 5 → 7"]


def test_a_draft_is_stored_right_or_wrong_and_published_when_it_is_right(api: Api, published: Any) -> None:
    refused(api("GET", "/admin/config/draft"), "not_found")
    stored = api("PUT", "/admin/config/draft", {"document": "version: 2\n", "message": "on my way"})[1]
    assert (stored["author"], stored["message"], stored["valid"], stored["problems"][0]["line"]) == ("ann", "on my way", False, 1)
    refused(api("POST", "/admin/config/publish", {"draft": True}), "invalid_request")
    right = SEED.replace("ttft_s: 5\n", "ttft_s: 6\n")
    api("PUT", "/admin/config/draft", {"document": right, "message": "done"})
    assert api("GET", "/admin/config/draft")[1]["document"] == right
    assert api("POST", "/admin/config/publish", {"draft": True})[1]["version"] == 2
    assert api("GET", "/admin/config")[1]["message"] == "done"
    refused(api("DELETE", "/admin/config/draft"), "not_found")
    refused(api("POST", "/admin/config/publish", {"draft": True}), "not_found")
    assert "not both" in refused(api("POST", "/admin/config/publish", {"draft": True, "document": SEED}), "invalid_request")


def test_whoever_works_on_the_draft_is_recorded(api: Api, caplog: Any) -> None:
    api("PUT", "/admin/config/draft", {"document": "version: 2\n"})
    assert '"changed":"the draft of the configuration"' in logged(caplog)[-1]
    api("DELETE", "/admin/config/draft")
    assert '"changed":"the draft of the configuration: removed"' in logged(caplog)[-1]


def test_a_draft_that_was_stored_while_another_was_published_stays(api: Api, published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = MODULES["stage"].Versions
    publish, stage = versions.publish, MODULES["stage"]
    api("PUT", "/admin/config/draft", {"document": SEED.replace("ttft_s: 5\n", "ttft_s: 6\n")})

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        stage.drafts().store("version: 3\n", author="bob", message="theirs", now=stage.now())
        return publish(*arguments, **more)

    monkeypatch.setattr(versions, "publish", meanwhile)
    assert api("POST", "/admin/config/publish", {"draft": True})[1]["version"] == 2
    assert api("GET", "/admin/config/draft")[1]["document"] == "version: 3\n"


def test_a_document_is_compared_with_what_the_stage_says_against_it(api: Api) -> None:
    api("POST", "/admin/config/publish", {"document": SEED, "overrides": {"TIMEOUTS__TTFT_S": "7"}})
    assert api("POST", "/admin/config/diff", {"document": SEED})[1] == {"same": True, "summary": "nothing", "changes": []}


def test_a_daily_ceiling_is_a_hard_budget_that_comes_and_goes_with_the_document(api: Api, published: Any) -> None:
    api("POST", "/admin/config/publish", {"document": CEILED})
    assert day_budgets(api) == [("day", "5.00", True)]
    budget = {"scope": "route", "id": "smart", "period": "day", "limit_usd": 9}
    assert "max_cost_a_day_usd" in refused(api("POST", "/admin/budgets", budget), "invalid_request")
    refused(api("DELETE", "/admin/budgets", query={"scope": "route", "id": "smart", "period": "day"}), "invalid_request")
    api("POST", "/admin/config/publish", {"document": CEILED.replace("a_day_usd: 5", "a_day_usd: 7")})
    assert day_budgets(api) == [("day", "7.00", True)]
    api("POST", "/admin/config/rollback", {"version": 1})
    assert day_budgets(api) == []


def test_an_operators_budget_stays_and_one_that_is_looser_than_the_document_keeps_it_from_going_live(api: Api, published: Any) -> None:
    budget = {"scope": "route", "id": "smart", "period": "day", "limit_usd": 9}
    api("POST", "/admin/budgets", budget)
    said = refused(api("POST", "/admin/config/publish", {"document": CEILED}), "invalid_request")
    assert "routes.smart.max_cost_a_day_usd: $5.00 would not hold: an operator has set a hard budget of $9.00 a day" in said
    assert api("GET", "/admin/config")[1]["version"] == 1
    api("POST", "/admin/budgets", budget | {"limit_usd": 3})
    assert api("POST", "/admin/config/publish", {"document": CEILED})[1]["version"] == 2
    api("POST", "/admin/config/rollback", {"version": 1})
    assert day_budgets(api) == [("day", "3.00", True)]


def test_a_ceiling_that_a_crash_has_left_out_is_set_by_the_next_publication_of_the_same(
    api: Api, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MODULES["stage"].Versions, "_keep_ceilings", lambda self: None)
        api("POST", "/admin/config/publish", {"document": CEILED})
        assert day_budgets(api) == []
    assert api("POST", "/admin/config/publish", {"document": CEILED})[1]["changed"] is False
    assert day_budgets(api) == [("day", "5.00", True)]
