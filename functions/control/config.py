"""/admin/config: what is live, what was, and the way from one to the other."""

from typing import Annotated, Any

import gates
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from versions import (
    Checked,
    Compared,
    Difference,
    Differences,
    Finding,
    LiveVersion,
    NewDocument,
    NewVersion,
    PublishedVersion,
    Restored,
    ShownVersion,
    Version,
    Versions,
)

from signalbox.aws import boto_tables
from signalbox.aws.boto_versions import Published
from signalbox.config.compiler import compile_text
from signalbox.config.diff import Change, compare, summary
from signalbox.config.document import parse
from signalbox.config.plain import to_json
from signalbox.config.source import InvalidDocument, Problem
from signalbox.errors import Refusal

router = Router()


@router.get("/admin/config", summary="The live version and its document", tags=["config"])
def live() -> LiveVersion:
    pointer = _pointer()
    if "version" not in pointer:
        raise Refusal("not_found", "No configuration is published yet. Publish routing.yaml: POST /admin/config/publish.")
    return LiveVersion(**pointer, document=stage.versions().document(pointer))


@router.get("/admin/config/versions", summary="Versions, newest first", tags=["config"])
def versions(
    limit: Annotated[int, Query(ge=1, le=100)] = 50, before: Annotated[int, Query(ge=1, le=100_000_000)] = 100_000_000
) -> Versions:
    return Versions(versions=[Version(**boto_tables.to_plain(row)) for row in stage.versions().versions(limit, before)])


@router.get("/admin/config/versions/<number>", summary="One version and its document", tags=["config"])
def version(number: Annotated[int, Path(ge=1, le=99_999_999)]) -> ShownVersion:
    row = boto_tables.to_plain(stage.versions().version(number))
    return ShownVersion(**row, document=stage.versions().document(row))


@router.post("/admin/config/check", summary="Say what is wrong with a document; changes nothing", tags=["config"])
def check(new: NewDocument) -> Checked:
    return checked(new.document)


def checked(document: str) -> Checked:
    pointer = _pointer()
    try:
        compiled = compile_text(document, pointer.get("overrides"))
    except InvalidDocument as error:
        return Checked(valid=False, digest=None, live=False, problems=_findings(error.problems), warnings=[])
    same = compiled.digest == pointer.get("digest")
    return Checked(valid=True, digest=compiled.digest, live=same, problems=[], warnings=_findings(compiled.warnings))


@router.post("/admin/config/publish", summary="Make a document the live version", tags=["config"])
def publish(new: NewVersion) -> PublishedVersion:
    document, draft = sent(new.document, new.draft)
    published = stage.versions().publish(
        document,
        author=router.context["who"],
        message=new.message or (draft["message"] if draft else ""),
        expected=_weighed(new, document) if new.gates else new.expected_version,
        overrides=new.overrides,
    )
    if draft:
        stage.drafts().delete(draft["sha256"])
    return _told(published)


@router.post("/admin/config/diff", summary="Say what differs between two versions, or a document and one; changes nothing", tags=["config"])
def diff(asked: Compared) -> Differences:
    versions, live = stage.versions(), _pointer()
    if "version" not in live:
        raise Refusal("not_found", "No configuration is published yet, so that there is nothing to compare with.")
    if (asked.document is None) == (asked.newer is None):
        raise Refusal("invalid_request", "document: send one, or `from` and `to`: the numbers of two versions.", param="document")
    older = versions.version(asked.older) if asked.older else live
    try:
        if asked.document is None:
            assert asked.newer
            changes = versions.compared(older, versions.version(asked.newer))
        else:
            overrides = live.get("overrides")
            before = parse(versions.document(older), older.get("overrides"))[0]
            changes = compare(before, parse(asked.document, overrides)[0])
    except InvalidDocument as error:
        raise Refusal("invalid_request", f"There is no comparing what cannot be read.\n{error}", param="document") from error
    return Differences(same=not changes, summary=summary(changes), changes=[_difference(change) for change in changes])


@router.post("/admin/config/rollback", summary="Make an earlier version live again, under a new number", tags=["config"])
def roll_back(new: Restored) -> PublishedVersion:
    version = new.version or stage.versions().further_back()
    message = new.message or f"back to version {version}"
    return _told(stage.versions().roll_back(version, author=router.context["who"], message=message))


def sent(document: str | None, draft: bool) -> tuple[str, dict[str, Any] | None]:
    """The text that is to be looked at, and the draft where it is that one. Refusal where none is named, or two are."""
    if (document is None) == (not draft):
        raise Refusal("invalid_request", "document: send one, or draft: true, and not both.", param="document")
    if document is not None:
        return document, None
    row = stage.drafts().read()
    if row is None:
        raise Refusal("not_found", "There is no draft. PUT /admin/config/draft stores one.", param="draft")
    return row["document"], row


def _weighed(new: NewVersion, document: str) -> int:
    """The version to expect: the one that was live when the gates were held against its traffic. Refusal where one does not hold."""
    wanted, pointer = gates.to_gates(new.gates), _pointer()
    compiled = compile_text(document, pointer.get("overrides") if new.overrides is None else new.overrides)
    gates.hold(compiled, wanted, new.gate_days, router.lambda_context)
    return pointer.get("version", 0) if new.expected_version is None else new.expected_version


def _told(published: Published) -> PublishedVersion:
    if published.changed:
        router.append_context(changed=f"configuration version {published.version} is live, digest {published.digest}")
    else:
        router.append_context(changed="nothing: this configuration was live already")
    return view(published, _findings(published.warnings))


def view(published: Published, warnings: list[Finding]) -> PublishedVersion:
    return PublishedVersion(
        version=published.version,
        digest=published.digest,
        changed=published.changed,
        warnings=warnings,
        restores=published.restores,
        summary=summary(published.changes),
        changes=[str(change) for change in published.changes],
    )


def _difference(change: Change) -> Difference:
    return Difference(path=change.name, change=change.what, old=to_json(change.old), new=to_json(change.new), said=str(change))


def _pointer() -> dict[str, Any]:
    return boto_tables.to_plain(stage.versions().live())


def _findings(problems: Any) -> list[Finding]:
    rows: list[Problem] = list(problems)
    return [Finding(line=row.line, path=row.path, message=row.message) for row in rows]
