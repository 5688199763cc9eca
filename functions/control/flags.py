"""/admin/flags: what is on, for how many and for whom. Each change is a version of the configuration, and people are told."""

from typing import Annotated, Literal

import rows
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path
from forms import Switch, no_truth
from noun import Noun
from pydantic import BaseModel, BeforeValidator, Field
from rows import AskedExpected, AskedMessage, Change, Live, OfVersion

from signalbox.config.rules import Flag
from signalbox.errors import Refusal
from signalbox.routing.flags import BUILT_IN

router = Router()
FLAGS = Noun(router, "flags", "flag")


Name = Annotated[str, Path(max_length=64, description="As routing.yaml names it")]
By = Annotated[Literal["caller", "tenant", "request"], Field(description="Whose percentage it is: it is on or off for a whole one")]


class FlagRow(BaseModel):
    enabled: Switch = True
    percent: Annotated[float, BeforeValidator(no_truth), Field(description="Of the callers, tenants or requests of its segments")] = 100.0
    segments: Annotated[list[str], Field(max_length=100, description="Of tenants; without any, of all")] = []
    by: By = "caller"


class FlagView(FlagRow):
    name: str
    built_in: Annotated[bool, Field(description="There from the start: on for all where the document says nothing else")]
    declared: Annotated[bool, Field(description="Whether the document says anything of it")]
    policies: Annotated[list[str], Field(description="Those that hang on it")]


class Flags(OfVersion):
    flags: list[FlagView]


class ShownFlag(OfVersion):
    flag: FlagView


class WholeFlag(FlagRow, Change):
    """What is left out is at its default: on, for all."""


class ChangedFlag(rows.ChangedRow):
    flag: FlagView


class RemovedFlag(rows.RemovedRow):
    name: str
    flag: Annotated[FlagView | None, Field(description="What holds now of a built-in one")] = None


@router.get("/admin/flags", summary="All flags, also the built-in ones that the document does not name", tags=["flags"])
def list_flags() -> Flags:
    live = rows.live()
    return Flags(version=live.version, flags=[_view(live, name) for name in sorted({*live.document.flags, *BUILT_IN})])


@router.get("/admin/flags/<name>", summary="One flag", tags=["flags"])
def show(name: Name) -> ShownFlag:
    live = rows.live()
    if name not in BUILT_IN:
        FLAGS.known(live, name)
    return ShownFlag(version=live.version, flag=_view(live, name))


@router.put("/admin/flags/<name>", summary="Switch a flag on or off, for all or for some; followed within seconds", tags=["flags"])
def put(name: Name, new: WholeFlag) -> ChangedFlag:
    live = rows.live(new.expected_version)
    change = FLAGS.store(live, name, new.model_dump(exclude={*Change.model_fields}), new.message)
    flag = _view(live, name, change.row)
    FLAGS.tell(name, f"is {_said(flag)}", change.published)
    return ChangedFlag(flag=flag, **change.published.model_dump())


@router.delete("/admin/flags/<name>", summary="Remove a flag; a built-in one is on for all again", tags=["flags"])
def remove(name: Name, expected_version: AskedExpected = None, message: AskedMessage = "") -> RemovedFlag:
    live = rows.live(expected_version)
    if name in BUILT_IN and name not in live.document.flags:
        raise Refusal("not_found", f"The document says nothing of the flag {name}, which is built in and on for all.")
    FLAGS.known(live, name)
    if name not in BUILT_IN and (hanging := _hanging(live, name)):
        said = f"Policies hang on the flag {name}: {', '.join(hanging)}. Take it out of them first, or switch it off: enabled: false."
        raise Refusal("invalid_request", said, param="name")
    published = FLAGS.remove(live, name, message)
    now = _view(live, name, None) if name in BUILT_IN else None
    FLAGS.tell(name, "is on for all" if now else "is removed", published)
    return RemovedFlag(name=name, flag=now, **published.model_dump())


def _view(live: Live, name: str, *changed: Flag | None) -> FlagView:
    flag = changed[0] if changed else live.document.flags.get(name)
    row = flag or Flag()
    return FlagView(
        name=name,
        enabled=row.enabled,
        percent=row.percent,
        segments=list(row.segments),
        by=row.by,
        built_in=name in BUILT_IN,
        declared=flag is not None,
        policies=_hanging(live, name),
    )


def _hanging(live: Live, name: str) -> list[str]:
    return sorted(id for id, policy in live.document.policies.items() if policy.flag == name)


def _said(flag: FlagView) -> str:
    if not flag.enabled:
        return "off"
    whom = f"the {flag.by}s of {', '.join(flag.segments)}" if flag.segments else "all" if flag.percent == 100 else f"the {flag.by}s"
    return f"on for {whom}" if flag.percent == 100 else f"on for {flag.percent:g} % of {whom}"
