"""Rows of one section of the live document, changed: each change is a version, and the rest of the document stays as people wrote it."""

from typing import Any, NamedTuple

import config
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel
from rows import Live
from versions import Finding, PublishedVersion

from signalbox.config import compiler
from signalbox.config.document import parse_section
from signalbox.config.edit import NotParted, with_row
from signalbox.config.edit_values import with_values
from signalbox.config.overrides import apply
from signalbox.config.plain import to_data
from signalbox.config.source import InvalidDocument, Problem, read
from signalbox.errors import Refusal


class RowChange(NamedTuple):
    """`row` is what holds now, as the document's own kind."""

    row: Any
    published: PublishedVersion


class Noun(NamedTuple):
    """`one` is what one row is called, and `key` what its name is. Who changes it, and what becomes of it, is in the router's context."""

    router: Router
    section: str
    one: str
    key: str = "name"

    def known(self, live: Live, name: str) -> Any:
        rows = getattr(live.document, self.section)
        if name not in rows:
            raise Refusal("not_found", f"There is no {self.one} {name[:100]}. GET /admin/{self.section} lists them.")
        return rows[name]

    def store(self, live: Live, name: str, data: dict[str, Any] | list[str], message: str) -> RowChange:
        """Instead of what is there by this name. What is at its default is not written out."""
        try:
            row = parse_section(self.section, {name: data})[name]
            brief = _brief(row) if isinstance(row, BaseModel) else list(row)
            text = with_row(live.text, (self.section, name), brief)
        except InvalidDocument as error:
            raise self._refused(error, name) from error
        except ValueError as error:
            raise Refusal("invalid_request", f"{error}.", param="document" if isinstance(error, NotParted) else None) from error
        return self._changed(live, name, text, brief, message)

    def set_value(self, live: Live, name: str, field: str, value: str, message: str) -> RowChange:
        """One value of a row that is there, a plain word. The rest of the row stays as it is written."""
        row = live.written(self.section)[name] | {field: value}
        text = with_values(live.text, {(self.section, name, field): value}, [*type(self.known(live, name)).model_fields])
        if read(text).data[self.section][name] != row:
            return self.store(live, name, row, message)
        return self._changed(live, name, text, row, message)

    def remove(self, live: Live, name: str, message: str) -> PublishedVersion:
        try:
            return self._publish(live, name, with_row(live.text, (self.section, name), None), message or f"{self.one} {name} removed")
        except NotParted as error:
            raise Refusal("invalid_request", f"{error}.", param="document") from error
        except InvalidDocument as error:
            hanging = "\n".join(problem.path or problem.message for problem in error.problems)
            said = f"{self.section}.{name} stays: other parts of the live document name it. Change these first:\n{hanging}"
            raise Refusal("invalid_request", said, param=self.key) from error

    def tell(self, name: str, said: str, published: PublishedVersion) -> None:
        """For the record of changes."""
        what = f"{self.one} {name} {said}"
        changed = f"{what}: configuration version {published.version}" if published.changed else f"nothing: {what} already"
        self.router.append_context(changed=changed)

    def _changed(self, live: Live, name: str, text: str, data: Any, message: str) -> RowChange:
        in_force = apply({self.section: {name: data}}, live.overrides)[0][self.section]  # with what the stage says against it
        try:
            published = self._publish(live, name, text, message or f"{self.one} {name}")
        except InvalidDocument as error:
            raise self._refused(error, name) from error
        return RowChange(parse_section(self.section, in_force)[name], published)

    def _publish(self, live: Live, name: str, text: str, message: str) -> PublishedVersion:
        who = self.router.context["who"]
        published = stage.versions().publish(text, author=who, message=message, expected=live.version)
        before = {(row.path, row.message) for row in compiler.warnings(live.document, live.source)}
        new = [row for row in published.warnings if (row.path, row.message) not in before]
        findings = [Finding(line=row.line, path=self._within(row, name), message=row.message) for row in new]
        return config.view(published, findings)

    def _refused(self, error: InvalidDocument, name: str) -> Exception:
        """Each fault by its path within the row, as the caller knows it. Where none is the row's own, it is the document's."""
        own = [problem for problem in error.problems if self._within(problem, name) != problem.path]
        if not own:
            return error
        said = [f"{self._within(problem, name) or self.key}: {problem.message}" for problem in error.problems]
        return Refusal("invalid_request", "\n".join(said), param=self._within(own[0], name) or self.key)

    def _within(self, problem: Problem, name: str) -> str:
        whole = f"{self.section}.{name}"
        return problem.path[len(whole) + 1 :] if f"{problem.path}.".startswith(f"{whole}.") else problem.path


def _brief(row: BaseModel) -> dict[str, Any]:
    """The status first, said or not: what decides and what does not is seen at once."""
    status = {"status": row.status} if hasattr(row, "status") else {}
    return status | to_data(row) or {"enabled": True}
