"""Flags and segments over HTTP: switched, given to some, taken away, and told."""

import json
from typing import Any

import pytest

from signalbox.usage.events import ConfigPublished

from .client import Api, logged, refused
from .test_policies import DOCUMENT, text

BUILT_IN = ["cost_optimization", "fallback", "intelligent_routing", "monitoring", "routing_policies"]


@pytest.fixture
def api(api: Api) -> Api:
    assert api("POST", "/admin/config/publish", {"document": DOCUMENT})[0] == 200
    return api


def test_all_are_listed_and_so_are_those_that_are_there_from_the_start(api: Api) -> None:
    status, answer = api("GET", "/admin/flags")
    assert (status, answer["version"], [row["name"] for row in answer["flags"]]) == (200, 1, [*BUILT_IN, "slowly"])
    on = {"enabled": True, "percent": 100, "segments": [], "by": "caller", "policies": []}
    assert answer["flags"][0] == on | {"name": "cost_optimization", "built_in": True, "declared": False}
    slowly = on | {"name": "slowly", "built_in": False, "declared": True, "percent": 10, "segments": ["beta"], "policies": ["early"]}
    assert answer["flags"][-1] == slowly
    assert api("GET", "/admin/flags/slowly")[1] == {"version": 1, "flag": slowly}
    assert api("GET", "/admin/flags/fallback")[1]["flag"]["declared"] is False
    refused(api("GET", "/admin/flags/none"), "not_found")


def test_switching_one_off_is_a_version_of_which_people_are_told(api: Api, stage: Any, caplog: Any) -> None:
    stage.heard(), stage.mailed()
    status, answer = api("PUT", "/admin/flags/cost_optimization", {"enabled": False, "message": "too cheap"})
    assert (status, answer["version"], answer["flag"]["enabled"], answer["flag"]["declared"]) == (200, 2, False, True)
    assert text(api) == DOCUMENT.replace("# the trial\n", "# the trial\n  cost_optimization: {enabled: false}\n")
    assert json.loads(logged(caplog)[-1])["changed"] == "flag cost_optimization is off: configuration version 2"
    [(_, detail)] = stage.heard()
    assert ConfigPublished.model_validate(detail).flags == detail["flags"]
    assert (detail["changes"], detail["flags"]) == (["flags.cost_optimization"], ["+ flags.cost_optimization: {enabled: false}"])
    api("PUT", "/admin/flags/cost_optimization", {"percent": 50})
    first, second = stage.mailed()
    assert "version 2 is live: 1 flag" in first[0]
    assert "  + flags.cost_optimization: {enabled: false}" in first[1].splitlines()
    assert {"  ~ flags.cost_optimization.enabled: false → true", "  ~ flags.cost_optimization.percent: 100 → 50"} <= {
        *second[1].splitlines()
    }


def test_one_is_given_to_some_and_keeps_its_remark(api: Api) -> None:
    answer = api("PUT", "/admin/flags/slowly", {"percent": 12.5, "segments": ["beta"], "by": "tenant"})[1]
    assert (answer["flag"]["percent"], answer["changed"]) == (12.5, True)
    assert text(api) == DOCUMENT.replace("{percent: 10, segments: [beta]}", "{percent: 12.5, segments: [beta], by: tenant}")
    assert api("PUT", "/admin/flags/slowly", {"percent": 12.5, "segments": ["beta"], "by": "tenant"})[1]["changed"] is False
    api("PUT", "/admin/flags/slowly", {})
    assert "  slowly: {enabled: true} # the trial\n" in text(api)


def test_a_built_in_one_that_is_removed_is_on_for_all_again(api: Api) -> None:
    assert "built in and on for all" in refused(api("DELETE", "/admin/flags/fallback"), "not_found")
    api("PUT", "/admin/flags/fallback", {"percent": 0})
    status, answer = api("DELETE", "/admin/flags/fallback")
    assert (status, answer["version"], answer["flag"]["percent"], answer["flag"]["declared"]) == (200, 3, 100, False)
    assert text(api) == DOCUMENT


def test_one_that_policies_hang_on_stays(api: Api) -> None:
    assert "Policies hang on the flag slowly: early." in refused(api("DELETE", "/admin/flags/slowly"), "invalid_request")
    api("DELETE", "/admin/policies/early")
    status, answer = api("DELETE", "/admin/flags/slowly", query={"expected_version": "2"})
    assert (status, answer["flag"], answer["deleted"]) == (200, None, True)
    assert "flags: {} \n" not in text(api)
    assert "flags: {}\n" in text(api)


@pytest.mark.parametrize(
    ("name", "row", "param", "said"),
    [
        ("slowly", {"segments": ["gold"]}, "segments.0", "there is no segment 'gold'; the segments are: beta"),
        ("slowly", {"percent": 101}, "percent", "less than or equal to 100"),
        ("slowly", {"percent": True}, "percent", "it must be a number, as 12.5"),
        ("slowly", {"enabled": "off"}, "enabled", "it must be true or false"),
        ("slowly", {"enabled": 0}, "enabled", "it must be true or false"),
        ("slowly", {"expected_version": True}, "expected_version", "it must be a whole number"),
        ("slowly", {"by": "key"}, "by", "it must be 'caller', 'tenant' or 'request'"),
        ("slowly", {"enable": False}, "enable", "there is no such field here"),
        ("Loud", {}, "name", "does not look like a name of this kind"),
        ("x" * 65, {}, "name", "64 characters at the most"),
    ],
)
def test_what_is_wrong_is_said_by_the_path_that_the_caller_knows(api: Api, name: str, row: Any, param: str, said: str) -> None:
    answer = api("PUT", f"/admin/flags/{name}", row)
    assert said in refused(answer, "invalid_request")
    assert answer[1]["error"]["param"] == param


def test_segments_are_set_up_and_stay_as_long_as_they_are_named(api: Api) -> None:
    assert api("GET", "/admin/segments")[1] == {"version": 1, "segments": [{"name": "beta", "tenants": ["acme"]}]}
    status, answer = api("PUT", "/admin/segments/enterprise", {"tenants": ["acme", "no", "acme"]})
    assert (status, answer["version"], answer["segment"]) == (200, 2, {"name": "enterprise", "tenants": ["acme", "no"]})
    assert 'segments: {beta: [acme], enterprise: [acme, "no"]}\n' in text(api)
    assert api("PUT", "/admin/flags/new", {"segments": ["enterprise"]})[0] == 200
    said = refused(api("DELETE", "/admin/segments/enterprise"), "invalid_request")
    assert said.endswith("Change these first:\nflags.new.segments.0")
    api("DELETE", "/admin/flags/new")
    assert api("DELETE", "/admin/segments/enterprise")[1]["deleted"] is True
    assert text(api) == DOCUMENT
    refused(api("GET", "/admin/segments/enterprise"), "not_found")
    refused(api("DELETE", "/admin/segments/enterprise"), "not_found")
    refused(api("PUT", "/admin/segments/Gold", {"tenants": []}), "invalid_request")
    assert api("GET", "/admin/segments/beta")[1]["segment"]["tenants"] == ["acme"]


def test_one_of_any_name_is_read_by_it(api: Api) -> None:
    for name in ("adoption", "flags", "no", "1e3", "2026-11-21"):
        assert api("PUT", f"/admin/flags/{name}", {"percent": 3})[0] == 200
        assert api("GET", f"/admin/flags/{name}")[1]["flag"]["percent"] == 3


def test_who_looked_at_another_version_changes_nothing(api: Api) -> None:
    for method, path, body in (
        ("PUT", "/admin/flags/slowly", {"enabled": False}),
        ("PUT", "/admin/segments/beta", {"tenants": []}),
    ):
        refused(api(method, path, body | {"expected_version": 7}), "request_in_progress")
    for path in ("/admin/flags/slowly", "/admin/segments/beta"):
        refused(api("DELETE", path, query={"expected_version": "7"}), "request_in_progress")
    assert text(api) == DOCUMENT
