"""One row of the live document, changed: each change is a new version, and the rest of the document stays as people wrote it."""

from typing import Annotated, Any, NamedTuple

import stage
from aws_lambda_powertools.event_handler.openapi.params import Query
from config import Finding, Message, PublishedVersion
from pydantic import BaseModel, ConfigDict, Field

from signalbox.aws import boto_tables
from signalbox.aws.boto_versions import Published
from signalbox.config.diff import summary
from signalbox.config.document import Document, parse, parse_section
from signalbox.config.edit import NotParted, with_row
from signalbox.config.edit_values import with_values
from signalbox.config.overrides import apply
from signalbox.config.plain import to_data
from signalbox.config.source import InvalidDocument, Problem, read
from signalbox.errors import Refusal

EXPECTED = "The version you looked at: refused with 409 where another is live"

Expected = Annotated[int | None, Field(ge=1, description=EXPECTED)]
AskedExpected = Annotated[int | None, Query(ge=1, description=EXPECTED)]
AskedMessage = Annotated[str, Query(max_length=500, description="Why, for whoever reads the list of versions")]


class Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expected_version: Expected = None
    message: Message = ""


class ChangedRow(PublishedVersion):
    """`path` of a warning is within the row; one of another row begins with its section: policies.night."""


class Live(NamedTuple):
    """`document` is what holds, with the stage's overrides in it; `text` is what people wrote."""

    version: int
    text: str
    document: Document
    overrides: dict[str, str]

    def written(self, section: str) -> dict[str, Any]:
        return read(self.text).data.get(section) or {}


class RowChange(NamedTuple):
    """`row` is what holds now, as the document's own kind; None where it is gone."""

    row: Any
    published: PublishedVersion


def live() -> Live:
    versions = stage.versions()
    pointer = boto_tables.to_plain(versions.live())
    if "version" not in pointer:
        raise Refusal("not_found", "No configuration is published yet. Publish routing.yaml: POST /admin/config/publish.")
    text, overrides = versions.document(pointer), pointer.get("overrides", {})
    return Live(pointer["version"], text, parse(text, overrides)[0], overrides)


def expected(live: Live, version: int | None) -> None:
    """Nobody changes what they have not seen."""
    if version is not None and version != live.version:
        raise Refusal("request_in_progress", f"Version {live.version} is live, not {version}. Look at it, then try again.", retry_after_s=1)


def store(live: Live, section: str, name: str, data: dict[str, Any] | list[str], *, who: str, message: str) -> RowChange:
    """Instead of what is there by this name. What is at its default is not written out."""
    try:
        row = parse_section(section, {name: data})[name]
        brief = _brief(row) if isinstance(row, BaseModel) else list(row)
        text = with_row(live.text, (section, name), brief)
    except InvalidDocument as error:
        raise _refused(error, section, name) from error
    except ValueError as error:
        raise Refusal("invalid_request", f"{error}.", param="document" if isinstance(error, NotParted) else None) from error
    return RowChange(_in_force(live, section, name, brief), _publish(live, text, section, name, who=who, message=message))


def set_value(live: Live, section: str, name: str, field: str, value: str, *, who: str, message: str) -> RowChange:
    """One value of a row that is there, a plain word. The rest of the row stays as it is written."""
    row = live.written(section)[name] | {field: value}
    text = with_values(live.text, {(section, name, field): value}, [*type(getattr(live.document, section)[name]).model_fields])
    if read(text).data[section][name] != row:
        return store(live, section, name, row, who=who, message=message)
    return RowChange(_in_force(live, section, name, row), _publish(live, text, section, name, who=who, message=message))


def remove(live: Live, section: str, name: str, *, who: str, message: str) -> RowChange:
    try:
        return RowChange(None, _publish(live, with_row(live.text, (section, name), None), section, name, who=who, message=message))
    except NotParted as error:
        raise Refusal("invalid_request", f"{error}.", param="document") from error
    except InvalidDocument as error:
        hanging = "\n".join(problem.path or problem.message for problem in error.problems)
        said = f"{section}.{name} stays: other parts of the live document name it. Change these first:\n{hanging}"
        raise Refusal("invalid_request", said, param="id" if section == "policies" else "name") from error


def _publish(live: Live, text: str, section: str, name: str, *, who: str, message: str) -> PublishedVersion:
    try:
        published = stage.versions().publish(text, author=who, message=message, expected=live.version)
    except InvalidDocument as error:
        raise _refused(error, section, name) from error
    return _told(published, section, name)


def _told(published: Published, section: str, name: str) -> PublishedVersion:
    return PublishedVersion(
        version=published.version,
        digest=published.digest,
        changed=published.changed,
        warnings=[Finding(line=row.line, path=_within(row, section, name), message=row.message) for row in published.warnings],
        summary=summary(published.changes),
        changes=[str(change) for change in published.changes],
    )


def _brief(row: BaseModel) -> dict[str, Any]:
    """The status first, said or not: what decides and what does not is seen at once."""
    status = {"status": row.status} if hasattr(row, "status") else {}
    return status | to_data(row) or {"enabled": True}


def _in_force(live: Live, section: str, name: str, data: Any) -> Any:
    """With what the stage says against it."""
    return parse_section(section, apply({section: {name: data}}, live.overrides)[0][section])[name]


def _refused(error: InvalidDocument, section: str, name: str) -> Exception:
    """Each fault by its path within the row, as the caller knows it. Where none is the row's own, it is the document's."""
    own = [problem for problem in error.problems if _within(problem, section, name) != problem.path]
    if not own:
        return error
    key = "id" if section == "policies" else "name"
    said = [f"{_within(problem, section, name) or key}: {problem.message}" for problem in error.problems]
    return Refusal("invalid_request", "\n".join(said), param=_within(own[0], section, name) or key)


def _within(problem: Problem, section: str, name: str) -> str:
    whole = f"{section}.{name}"
    return problem.path[len(whole) + 1 :] if f"{problem.path}.".startswith(f"{whole}.") else problem.path
