"""What can be rolled back: each action is a change of some attributes of one control item, so that undoing it is the change backwards."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Attributes = Mapping[str, Any]  # None where the attribute is not there


@dataclass(frozen=True, slots=True)
class Change:
    """From `before` to `after`, if the item still says `before`. Both name the same attributes."""

    pk: str
    sk: str
    before: Attributes
    after: Attributes

    def backwards(self) -> "Change":
        return Change(self.pk, self.sk, before=self.after, after=self.before)

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Action:
    """`after` says what the attributes become, from (reason, rollback id, ISO time). The item is there already: no action makes one."""

    pk: str
    sk: str
    after: Callable[[str, str, str], dict[str, Any]]
    effect: str


def _disabled(reason: str, rollback_id: str, at: str) -> dict[str, Any]:
    return {"llm_disabled": {"reason": reason, "at": at, "rollback_id": rollback_id}}


ACTIONS: dict[str, Action] = {
    "disable_llm": Action("config", "live", _disabled, "every completion is refused with 503 llm_disabled"),
}


class CannotRollBack(Exception):
    """There is nothing that the action could change, or nothing that could be undone. Asking again as it stands cannot help."""


def change_of(action: Action, item: Mapping[str, Any], reason: str, rollback_id: str, at: str) -> Change:
    if not item:
        raise CannotRollBack(f"{action.pk}/{action.sk} is not in the control table: publish a configuration first")
    after = action.after(reason, rollback_id, at)
    return Change(action.pk, action.sk, before={name: item.get(name) for name in after}, after=after)


def in_force(change: Change) -> str:
    """What an undo leaves in force, or puts there again: what was before, which may be another roll-back's. Empty: nothing."""
    effects = [action.effect for action in ACTIONS.values() if (action.pk, action.sk) == (change.pk, change.sk)]
    by = [row for row in change.after.values() if isinstance(row, Mapping) and row.get("rollback_id")]
    told = (f"{effect}, by roll-back {row['rollback_id']} ({row['reason']})" for effect, row in zip(effects, by, strict=False))
    return "; ".join(told)


def undo_of(id: str, record: Mapping[str, Any] | None) -> Change:
    """The change that takes roll-back `id` back, from its record."""
    if record is None:
        raise CannotRollBack(f"there is no roll-back {id}")
    if record["status"] != "succeeded":
        raise CannotRollBack(f"roll-back {id} cannot be undone: its status is {record['status']}")
    return Change(**record["change"]).backwards()
