"""/admin/config: what is live, what was, and the way from one to the other."""

from typing import Annotated, Any

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict, Field

from signalbox.aws import boto_tables
from signalbox.aws.boto_versions import Published
from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument, Problem
from signalbox.errors import Refusal

router = Router()

Message = Annotated[str, Field(max_length=500, description="Why, for whoever reads the list of versions")]
# They stand in the item of each version, which holds 400 KB: 64 of the longest, in the widest letters, are 275 KB.
Override = Annotated[str, Field(pattern="^[A-Za-z0-9_]{1,200}$")]
Overrides = Annotated[dict[Override, Annotated[str, Field(max_length=1000)]], Field(max_length=64)]


class NewDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Annotated[str, Field(description="The text of routing.yaml")]


class NewVersion(NewDocument):
    message: Message = ""
    expected_version: Annotated[
        int | None, Field(ge=0, description="The version you looked at: refused with 409 where another is live")
    ] = None
    overrides: Annotated[
        Overrides | None,
        Field(description="What this stage says against the document, as PROVIDERS__OPENAI__BASE_URL; left out, it stays as it is"),
    ] = None


class Restored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=99_999_999)]
    message: Message = ""


class Finding(BaseModel):
    line: int
    path: str
    message: str


class Checked(BaseModel):
    """`live` is whether this very configuration is live already."""

    valid: bool
    digest: str | None
    live: bool
    problems: list[Finding]
    warnings: list[Finding]


class PublishedVersion(BaseModel):
    """`changed` is false where this very configuration was live already: then there is no new version."""

    version: int
    digest: str
    changed: bool
    warnings: list[Finding]


class Version(BaseModel):
    version: int
    digest: str
    author: str
    message: str
    at: str
    restores: Annotated[int | None, Field(description="The version whose configuration this one made live again")] = None
    overrides: Annotated[dict[str, str], Field(description="What this stage says against the document")] = {}


class Disabled(BaseModel):
    reason: str
    at: str | int
    rollback_id: str | None = None


class LiveVersion(Version):
    document: str
    llm_disabled: Disabled | None = None


class ShownVersion(Version):
    document: str


class Versions(BaseModel):
    versions: list[Version]


@router.get("/admin/config", summary="The live version and its document", tags=["config"])
def live() -> LiveVersion:
    pointer = _pointer()
    if "version" not in pointer:
        raise Refusal("not_found", "No configuration is published yet. Publish routing.yaml: POST /admin/config/publish.")
    return LiveVersion(**pointer, document=stage.versions().document(pointer["digest"]))


@router.get("/admin/config/versions", summary="Versions, newest first", tags=["config"])
def versions(
    limit: Annotated[int, Query(ge=1, le=100)] = 50, before: Annotated[int, Query(ge=1, le=100_000_000)] = 100_000_000
) -> Versions:
    return Versions(versions=[Version(**boto_tables.to_plain(row)) for row in stage.versions().versions(limit, before)])


@router.get("/admin/config/versions/<number>", summary="One version and its document", tags=["config"])
def version(number: int) -> ShownVersion:
    row = boto_tables.to_plain(stage.versions().version(number))
    return ShownVersion(**row, document=stage.versions().document(row["digest"]))


@router.post("/admin/config/check", summary="Say what is wrong with a document; changes nothing", tags=["config"])
def check(new: NewDocument) -> Checked:
    pointer = _pointer()
    try:
        compiled = compile_text(new.document, pointer.get("overrides"))
    except InvalidDocument as error:
        return Checked(valid=False, digest=None, live=False, problems=_findings(error.problems), warnings=[])
    same = compiled.digest == pointer.get("digest")
    return Checked(valid=True, digest=compiled.digest, live=same, problems=[], warnings=_findings(compiled.warnings))


@router.post("/admin/config/publish", summary="Make a document the live version", tags=["config"])
def publish(new: NewVersion) -> PublishedVersion:
    published = stage.versions().publish(
        new.document,
        author=router.context["who"],
        message=new.message,
        expected=new.expected_version,
        overrides=new.overrides,
    )
    return _told(published)


@router.post("/admin/config/rollback", summary="Make an earlier version live again, under a new number", tags=["config"])
def roll_back(new: Restored) -> PublishedVersion:
    message = new.message or f"back to version {new.version}"
    return _told(stage.versions().roll_back(new.version, author=router.context["who"], message=message))


def _told(published: Published) -> PublishedVersion:
    if published.changed:
        router.append_context(changed=f"configuration version {published.version} is live, digest {published.digest}")
    else:
        router.append_context(changed="nothing: this configuration was live already")
    return PublishedVersion(
        version=published.version, digest=published.digest, changed=published.changed, warnings=_findings(published.warnings)
    )


def _pointer() -> dict[str, Any]:
    return boto_tables.to_plain(stage.versions().live())


def _findings(problems: Any) -> list[Finding]:
    rows: list[Problem] = list(problems)
    return [Finding(line=row.line, path=row.path, message=row.message) for row in rows]
