"""What /admin/config takes and answers: documents, versions, what is wrong with one, and what differs between two."""

from typing import Annotated, Any

from forms import OVERRIDE, Switch, Whole
from gates import Days, Gates
from pydantic import BaseModel, ConfigDict, Field

Message = Annotated[str, Field(max_length=500, description="Why, for whoever reads the list of versions")]
# They stand in the item of each version, which holds 400 KB: 64 of the longest, in the widest letters, are 275 KB.
Override = Annotated[str, Field(pattern=OVERRIDE)]
Overrides = Annotated[dict[Override, Annotated[str, Field(max_length=1000)]], Field(max_length=64)]


class NewDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Annotated[str, Field(description="The text of routing.yaml")]


class NewVersion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Annotated[str | None, Field(description="The text of routing.yaml; left out where it is the draft")] = None
    draft: Annotated[Switch, Field(description="Publish the draft, which is gone then; its message stands where there is no other")] = False
    message: Message = ""
    expected_version: Annotated[
        Whole | None, Field(ge=0, description="The version you looked at: refused with 409 where another is live")
    ] = None
    overrides: Annotated[
        Overrides | None,
        Field(description="What this stage says against the document, as PROVIDERS__OPENAI__BASE_URL; left out, it stays as it is"),
    ] = None
    gates: Annotated[Gates, Field(description="Refused with 400 where recorded traffic shows that one does not hold")] = []
    gate_days: Days = 1.0


class Restored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[
        Whole | None,
        Field(
            ge=1,
            le=99_999_999,
            description="Left out: what was live before what is live now; said again, one further back, and never forward",
        ),
    ] = None
    message: Message = ""


class Compared(BaseModel):
    """Two versions; or a document and the version it is to follow, which is the live one unless `from` names another."""

    model_config = ConfigDict(extra="forbid")

    document: Annotated[str | None, Field(description="The text of routing.yaml")] = None
    older: Annotated[Whole | None, Field(alias="from", ge=1, le=99_999_999)] = None
    newer: Annotated[Whole | None, Field(alias="to", ge=1, le=99_999_999)] = None


class Difference(BaseModel):
    path: str
    change: Annotated[str, Field(description="added, removed or changed")]
    old: Any = None
    new: Any = None
    said: Annotated[str, Field(description="The same in one line")]


class Differences(BaseModel):
    """Of what the documents mean: comments, order and defaults that are written out are none."""

    same: bool
    summary: str
    changes: list[Difference]


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
    """`changed` is false where this very document was live already, word for word: then there is no new version."""

    version: int
    digest: str
    changed: bool
    warnings: list[Finding]
    restores: Annotated[int | None, Field(description="The version whose configuration is live again, after a rollback")] = None
    summary: Annotated[str, Field(description="What differs from the version before, counted")] = ""
    changes: Annotated[list[str], Field(description="What differs from the version before, a line each")] = []


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
