"""Checking, publishing and rolling back the configuration."""

from itertools import islice, product
from typing import Any

import pytest

from .client import SEED, Api, logged, refused


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
    assert api("POST", "/admin/config/publish", {"document": SEED})[1] == published | {"changed": False}
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
