"""What the endpoints of policies, flags and segments share: the live document that they look at, and what they take and answer."""

from typing import Annotated, Any, NamedTuple

import stage
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict, Field
from versions import Message, PublishedVersion

from signalbox.aws import boto_tables
from signalbox.config.document import Document, parse
from signalbox.config.source import Source, read
from signalbox.errors import Refusal

EXPECTED = "The version you looked at: refused with 409 where another is live"

Expected = Annotated[int | None, Field(ge=1, strict=True, description=EXPECTED)]
AskedExpected = Annotated[int | None, Query(ge=1, description=EXPECTED)]
AskedMessage = Annotated[str, Query(max_length=500, description="Why, for whoever reads the list of versions")]


class OfVersion(BaseModel):
    version: Annotated[int, Field(description="Of the configuration: what `expected_version` may name")]


class Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expected_version: Expected = None
    message: Message = ""


class ChangedRow(PublishedVersion):
    """`warnings` are those that were not there before; `path` is within the row, or begins with another's section: policies.night."""


class RemovedRow(ChangedRow):
    deleted: bool = True


class Live(NamedTuple):
    """`document` is what holds, with the stage's overrides in it, and `source` where it says so; `text` is what people wrote."""

    version: int
    text: str
    document: Document
    source: Source
    overrides: dict[str, str]

    def written(self, section: str) -> dict[str, Any]:
        return read(self.text).data.get(section) or {}


def live(expected: int | None = None) -> Live:
    """Refusal where it is not the version that is expected: nobody changes what they have not seen."""
    versions = stage.versions()
    pointer = boto_tables.to_plain(versions.live())
    if "version" not in pointer:
        raise Refusal("not_found", "No configuration is published yet. Publish routing.yaml: POST /admin/config/publish.")
    version = pointer["version"]
    if expected is not None and expected != version:
        raise Refusal("request_in_progress", f"Version {version} is live, not {expected}. Look at it, then try again.", retry_after_s=1)
    text, overrides = versions.document(pointer), pointer.get("overrides", {})
    return Live(version, text, *parse(text, overrides), overrides)
