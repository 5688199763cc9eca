"""What the control API tells of the live configuration's routes."""

from typing import Any

import pytest

from .client import SEED, Api, refused

PATH = "/admin/routes/analysis"


def test_every_route_of_the_live_version_is_analysed(api: Api, published: Any) -> None:
    status, found = api("GET", PATH)
    assert (status, found["version"]) == (200, 1)
    assert [row["route"] for row in found["routes"]] == sorted(row["route"] for row in found["routes"])
    (chat,) = [row for row in found["routes"] if row["route"] == "chat"]
    assert chat["correlated"]["unavailability"] == pytest.approx(1e-6)
    assert chat["correlated"]["nines"] == 6
    assert chat["worst"]["attempts"] == 3
    assert chat["targets"][0]["target"] == "openai/gpt-4.1-mini"
    assert sum(found["last_resorts"]["targets"].values()) == len(found["routes"])


def test_one_route_is_asked_for_by_whatever_name_a_client_may_use(api: Api, published: Any) -> None:
    for name, route in (("chat", "chat"), ("gpt-5.2", "openai/gpt-5.2")):
        (found,) = api("GET", PATH, query={"route": name})[1]["routes"]
        assert found["route"] == route
    (alone,) = api("GET", PATH, query={"route": "gpt-5.2"})[1]["routes"]
    assert alone["single_points"] == ["provider openai", "target openai/gpt-5.2"]
    assert [row["code"] for row in alone["cautions"]] == ["single_provider"]
    assert "no route 'nobody'" in refused(api("GET", PATH, query={"route": "nobody"}), "not_found")


def test_what_is_assumed_can_be_said_otherwise(api: Api) -> None:
    document = SEED.replace(
        "    targets: [openai/gpt-4.1-mini, mistral/mistral-small-latest]\n", "    targets: [openai/gpt-4.1-mini, openai/gpt-5-mini]\n"
    )
    assert document != SEED
    api("POST", "/admin/config/publish", {"document": document})
    asked = {"route": "chat", "provider_share": "0", "region_share": "0", "least_availability": "1"}
    answer = api("GET", PATH, query=asked)[1]
    assert answer["assumptions"]["provider_share"] == 0
    assert answer["routes"][0]["correlated"] == answer["routes"][0]["independent"]
    assert [row["code"] for row in answer["routes"][0]["cautions"]] == ["single_provider", "availability"]
    usual = api("GET", PATH, query={"route": "chat"})[1]["routes"][0]
    assert usual["correlated"]["unavailability"] > 100 * usual["independent"]["unavailability"]


def test_what_cannot_be_reckoned_is_refused(api: Api, published: Any) -> None:
    assert "more than 1" in refused(api("GET", PATH, query={"provider_share": "0.9"}), "invalid_request")
    assert "region_share" in refused(api("GET", PATH, query={"region_share": "2"}), "invalid_request")
    refused(api("GET", PATH, key="sk-static"), "permission_denied")


def test_before_a_publication_there_is_nothing_to_tell(api: Api) -> None:
    assert "POST /admin/config/publish" in refused(api("GET", PATH), "not_found")
