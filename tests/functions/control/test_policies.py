"""Policies over HTTP: each change is a version of the document, which otherwise stays as people wrote it."""

import json
from typing import Any

import pytest

from signalbox.aws.boto_versions import Versions

from .client import DATA, Api, logged, refused

DOCUMENT = """\
version: 1
providers:
  a: {base_url: https://a.example.com/v1}
models:
  a/big: {context_window: 9000, max_output_tokens: 900, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
  a/small: {context_window: 9000, max_output_tokens: 900, prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}}
routes:
  chat: {targets: [a/big, a/small]} # as agreed
# whoever is to be served otherwise
policies:
  # ours
  late:
    status: active # since May
    priority: 50
    conditions: {tags: late}
    actions: {route: chat}

  early: {priority: 5, flag: slowly, actions: {deny: closed}} # not yet

flags:
  slowly: {percent: 10, segments: [beta]} # the trial
segments: {beta: [acme]}
# the end
"""
NIGHT = {"conditions": {"time": {"from": "22:00", "to": "06:00"}, "tokens": {"gt": 1000}}, "actions": {"max_cost_usd": 0.005}}


@pytest.fixture
def api(api: Api) -> Api:
    assert api("POST", "/admin/config/publish", {"document": DOCUMENT})[0] == 200
    return api


def text(api: Api) -> str:
    document: str = api("GET", "/admin/config")[1]["document"]
    return document


def test_all_are_listed_in_the_order_they_are_looked_at(api: Api) -> None:
    status, answer = api("GET", "/admin/policies")
    assert (status, answer["version"], [row["id"] for row in answer["policies"]]) == (200, 1, ["early", "late"])
    assert answer["policies"][0] == {
        "id": "early",
        "name": "",
        "status": "draft",
        "priority": 5,
        "flag": "slowly",
        "continue": False,
        "conditions": {},
        "actions": {"deny": "closed"},
    }
    assert api("GET", "/admin/policies/early")[1] == {"version": 1, "policy": answer["policies"][0]}
    assert "GET /admin/policies lists them" in refused(api("GET", "/admin/policies/none"), "not_found")


def test_those_of_the_same_priority_are_in_the_order_of_their_ids(api: Api) -> None:
    for id in ("b", "a"):
        api("POST", "/admin/policies", {"id": id, "priority": 50, "actions": {}})
    assert [row["id"] for row in api("GET", "/admin/policies")[1]["policies"]] == ["early", "a", "b", "late"]


def test_a_new_one_is_a_draft_and_the_rest_of_the_document_stays_as_it_is_written(api: Api, stage: Any, caplog: Any) -> None:
    stage.heard()
    new = {"id": "night", "name": "By night: cheaper", "message": "a trial", "expected_version": 1, **NIGHT}
    status, answer = api("POST", "/admin/policies", new)
    assert (status, answer["version"], answer["changed"], answer["policy"]["status"]) == (201, 2, True, "draft")
    assert answer["policy"]["conditions"] == NIGHT["conditions"]
    assert answer["policy"]["actions"] == NIGHT["actions"]
    row = """\
  night:
    status: draft
    name: "By night: cheaper"
    conditions: {time: {from: "22:00", to: "06:00"}, tokens: {gt: 1000}}
    actions: {max_cost_usd: 0.005}
"""
    assert text(api) == DOCUMENT.replace("# not yet\n", f"# not yet\n{row}")
    assert json.loads(logged(caplog)[-1])["changed"] == "policy night is draft: configuration version 2"
    [version] = api("GET", "/admin/config/versions", query={"limit": "1"})[1]["versions"]
    assert (version["author"], version["message"]) == ("ann", "a trial")
    [(name, detail)] = stage.heard()
    assert (name, detail["changes"], detail["summary"]) == ("ConfigPublished", ["policies.night"], "1 policy")


def test_an_id_is_taken_once(api: Api) -> None:
    message = refused(api("POST", "/admin/policies", {"id": "late", "actions": {"deny": "no"}}), "idempotency_conflict")
    assert "PUT /admin/policies/late" in message
    assert api("GET", "/admin/config")[1]["version"] == 1


def test_a_whole_row_is_put_in_the_place_of_the_one_there_was(api: Api) -> None:
    status, answer = api("PUT", "/admin/policies/late", {"status": "disabled", "continue": True, "actions": {"strategy": "sticky"}})
    assert (status, answer["policy"]["status"], answer["policy"]["continue"], answer["policy"]["priority"]) == (200, "disabled", True, 100)
    old = DOCUMENT[DOCUMENT.index("  late:") : DOCUMENT.index("\n  early")]
    assert text(api) == DOCUMENT.replace(old, "  late: {status: disabled, continue: true, actions: {strategy: sticky}}\n")
    same = api("PUT", "/admin/policies/late", answer["policy"])[1]
    assert (same["version"], same["changed"]) == (2, False)
    assert "not renamed" in refused(api("PUT", "/admin/policies/late", answer["policy"] | {"id": "other"}), "invalid_request")
    assert api("PUT", "/admin/policies/new", {"actions": {"deny": "no"}})[1]["policy"]["status"] == "draft"


def test_activating_and_disabling_touch_the_status_alone(api: Api) -> None:
    answer = api("POST", "/admin/policies/late/disable", {"message": "too dear"})[1]
    assert (answer["version"], answer["policy"]["status"], answer["changes"]) == (
        2,
        "disabled",
        ["~ policies.late.status: active → disabled"],
    )
    assert text(api) == DOCUMENT.replace("status: active # since", "status: disabled # since")
    status, answer = api("POST", "/admin/policies/early/activate")
    assert (status, answer["version"], answer["policy"]["status"]) == (200, 3, "active")
    assert "  early: {status: active, priority: 5, flag: slowly," in text(api)
    assert api("POST", "/admin/policies/early/activate")[1]["changed"] is False
    api("POST", "/admin/policies/late/activate", {"expected_version": 3})
    assert api("GET", "/admin/config")[1]["message"] == "policy late active"
    refused(api("POST", "/admin/policies/none/activate"), "not_found")


def test_one_is_removed_and_the_last_one_too(api: Api) -> None:
    status, answer = api("DELETE", "/admin/policies/late", query={"expected_version": "1", "message": "over"})
    assert (status, answer["id"], answer["deleted"], answer["version"]) == (200, "late", True, 2)
    old = DOCUMENT[DOCUMENT.index("  late:") : DOCUMENT.index("\n  early")]
    assert text(api) == DOCUMENT.replace(old, "")
    assert api("DELETE", "/admin/policies/early")[1]["changes"] == [
        "- policies.early: {priority: 5, flag: slowly, actions: {deny: closed}}"
    ]
    assert api("GET", "/admin/policies")[1] == {"version": 3, "policies": []}
    assert api("GET", "/admin/config")[1]["message"] == "policy early removed"
    assert api("POST", "/admin/policies", {"id": "new", "actions": {}})[1]["version"] == 4
    assert api("GET", "/admin/config")[1]["message"] == "policy new"
    assert text(api).splitlines()[-1] == "# the end"
    refused(api("DELETE", "/admin/policies/late"), "not_found")


@pytest.mark.parametrize(
    ("row", "param", "said"),
    [
        ({"conditions": {"tokens": {"over": 1}}, "actions": {}}, "conditions.tokens.over", "tokens knows no 'over'"),
        ({"conditions": {"any": [{"tenat": "x"}]}, "actions": {}}, "conditions.any.0.tenat", "there is no such field"),
        ({"actions": {"rout": "chat"}}, "actions.rout", "unknown key; did you mean 'route'?"),
        ({"actions": {"route": "nowhere"}}, "actions.route", "there is no route, model or alias 'nowhere'"),
        ({"actions": {"max_tokens": 0}}, "actions.max_tokens", "input should be greater than 0"),
        ({"actions": {"mirror": {"target": "a/big"}}}, "actions.mirror.percent", "missing"),
        ({"actions": {}, "status": "active"}, "actions", "an active policy does something"),
        ({"actions": {}, "flag": "quickly"}, "flag", "there is no flag 'quickly'"),
        ({"actions": {}, "priority": -1}, "priority", "input should be greater than or equal to 0"),
        ({"actions": {}, "priority": "high"}, "priority", "it must be a whole number"),
        ({"actions": {}, "priority": True}, "priority", "it must be a whole number"),
        ({"actions": {}, "continue": "yes"}, "continue", "it must be true or false"),
        ({"actions": {}, "prio": 3}, "prio", "there is no such field here"),
        ({"conditions": {}}, "actions", "it is missing"),
        ({"actions": {"deny": "\ud800"}}, "actions.deny", "unable to parse raw data as a unicode string"),
        ({"conditions": {"tenant": "\ud800"}, "actions": {}}, None, "half a character, which is no text"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_what_is_wrong_is_said_by_the_path_that_the_caller_knows(api: Api, method: str, row: Any, param: str | None, said: str) -> None:
    path, body = ("/admin/policies/new", row) if method == "PUT" else ("/admin/policies", row | {"id": "new"})
    answer = api(method, path, body)
    message = refused(answer, "invalid_request")
    assert said in message
    if param:
        assert answer[1]["error"]["param"] == param
        assert message.startswith(f"{param}: ")
        assert "line" not in message
    assert api("GET", "/admin/config")[1]["version"] == 1


@pytest.mark.parametrize("number", ["NaN", "1e999999999", "-Infinity"])
def test_a_number_that_is_none_is_refused(api: Api, number: str) -> None:
    for row in (f'"conditions": {{"tokens": {{"gt": {number}}}}}', f'"priority": {number}', f'"actions": {{"max_cost_usd": {number}}}'):
        refused(api("PUT", "/admin/policies/new", f'{{"actions": {{"deny": "no"}}, {row}}}'), "invalid_request")


@pytest.mark.parametrize("id", ["Night", "a b", "-x", "x" * 65, "", "a/b", "überall"])
def test_an_id_that_the_document_refuses_is_refused(api: Api, id: str) -> None:
    answer = api("POST", "/admin/policies", {"id": id, "actions": {"deny": "no"}})
    assert "match" in refused(answer, "invalid_request")
    assert answer[1]["error"]["param"] == "id"


def test_what_nothing_comes_of_is_answered_as_a_warning(api: Api) -> None:
    row = {"id": "first", "status": "active", "priority": 1, "actions": {"deny": "all of it", "route": "chat"}}
    warnings = {warning["path"]: warning["message"] for warning in api("POST", "/admin/policies", row)[1]["warnings"]}
    assert "nothing comes of: route" in warnings["actions.deny"]
    assert "'first' comes first" in warnings["policies.late"]


def test_what_was_there_before_is_no_warning_of_a_change(api: Api) -> None:
    unpriced = DOCUMENT.replace(", prices: {input: 1, output: 2, source: s, as_of: 2026-01-02}", "")
    overrides = {"POLICIES__LATE__ACTIONS__DENY": "closed"}
    assert len(api("POST", "/admin/config/publish", {"document": unpriced, "overrides": overrides})[1]["warnings"]) > 2
    early = {"id": "first", "status": "active", "priority": 1, "actions": {"deny": "no", "route": "chat"}}
    warnings = api("POST", "/admin/policies", early)[1]["warnings"]
    assert sorted(row["path"] for row in warnings) == ["actions.deny", "policies.late"]
    assert api("POST", "/admin/policies", {"id": "last", "actions": {"deny": "no"}})[1]["warnings"] == []
    assert api("DELETE", "/admin/policies/first")[1]["warnings"] == []


def test_what_was_so_already_is_recorded_as_no_change(api: Api, stage: Any, caplog: Any) -> None:
    stage.heard()
    assert api("POST", "/admin/policies/late/activate")[1]["changed"] is False
    assert json.loads(logged(caplog)[-1])["changed"] == "nothing: policy late is active already"
    assert stage.heard() == []


def test_texts_and_numbers_come_back_as_they_were_sent(api: Api) -> None:
    conditions = {"tenant": ["no", "off", "1e3", "2026-11-21"], "headers": {"x-say": 'two\nlines, "quoted"'}, "agent": "überall: #1"}
    row = {"id": "p", "conditions": conditions, "actions": {"deny": " null ", "max_cost_usd": 0.100000001, "weights": {"a/big": 1.5}}}
    assert api("POST", "/admin/policies", row)[0] == 201
    shown = api("GET", "/admin/policies/p")[1]["policy"]
    assert (shown["conditions"], shown["actions"]) == (conditions, row["actions"])


def test_who_looked_at_another_version_changes_nothing(api: Api) -> None:
    api("POST", "/admin/policies/late/disable")
    for answer in (
        api("POST", "/admin/policies", {"id": "new", "actions": {}, "expected_version": 1}),
        api("PUT", "/admin/policies/late", {"actions": {}, "expected_version": 1}),
        api("DELETE", "/admin/policies/late", query={"expected_version": "1"}),
        api("POST", "/admin/policies/late/activate", {"expected_version": 1}),
    ):
        assert "Version 2 is live, not 1" in refused(answer, "request_in_progress")
    assert api("GET", "/admin/config")[1]["version"] == 2


def test_of_two_changes_at_once_none_is_lost(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Versions.publish
    others = iter([{"id": "other", "actions": {"deny": "theirs"}}])

    def overtaken(self: Versions, text: str, **more: Any) -> Any:
        for other in others:
            assert api("POST", "/admin/policies", other)[0] == 201
        return real(self, text, **more)

    monkeypatch.setattr(Versions, "publish", overtaken)
    mine = {"id": "mine", "actions": {"deny": "ours"}}
    assert "came first" in refused(api("POST", "/admin/policies", mine), "request_in_progress")
    assert api("POST", "/admin/policies", mine)[1]["version"] == 3
    assert [row["id"] for row in api("GET", "/admin/policies")[1]["policies"]] == ["early", "late", "mine", "other"]


def test_what_the_stage_says_against_a_row_is_what_is_shown(api: Api) -> None:
    overrides = {"POLICIES__LATE__STATUS": "disabled"}
    api("POST", "/admin/config/publish", {"document": DOCUMENT, "overrides": overrides})
    assert api("GET", "/admin/policies/late")[1]["policy"]["status"] == "disabled"
    assert api("POST", "/admin/policies/late/activate")[1]["policy"]["status"] == "disabled"
    said = refused(api("DELETE", "/admin/policies/late"), "invalid_request")
    assert "the override POLICIES__LATE__STATUS leads nowhere" in said
    wrong = {"document": DOCUMENT, "overrides": {"POLICIES__LATE__PRIORITY": "soon"}}
    assert "(the override POLICIES__LATE__PRIORITY says so)" in refused(api("POST", "/admin/config/publish", wrong), "invalid_request")


def test_a_document_in_which_rows_cannot_be_told_apart_is_left_alone(api: Api) -> None:
    api("POST", "/admin/config/publish", {"document": DOCUMENT.replace("# the end", "...")})
    api("POST", "/admin/config/publish", {"document": DOCUMENT[: DOCUMENT.index("policies:")] + "...\n"})
    answer = api("POST", "/admin/policies", {"id": "new", "actions": {}})
    assert "change the document itself" in refused(answer, "invalid_request")


def test_it_needs_an_operator_and_a_document(api: Api, stage: Any) -> None:
    refused(api("GET", "/admin/policies", key=None), "invalid_key")
    refused(api("POST", "/admin/policies/late/disable", key=DATA), "permission_denied")
    stage.control.delete_item(Key={"pk": "config", "sk": "live"})
    assert "POST /admin/config/publish" in refused(api("GET", "/admin/policies"), "not_found")
