"""Somebody else's configuration, and the account of it: each of its keys is carried over, or it is listed with its line and why not."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from signalbox.config.fields import SECRET_OPTION
from signalbox.config.source import InvalidDocument, Loader, Path, to_source
from signalbox.providers.errors import KEY

from ..trouble import Trouble

LOOKS_LIKE_A_KEY = re.compile(r"\bsk-[\w-]{8,}", re.ASCII)
START = 11  # signs of the shortest that looks so
LONG = 16  # of what stands at a key's name and has no key's look
MOST_NODES = 200_000  # of what anchors unfold into
UNKNOWN = "is not known here, and nothing of it is carried over; look whether it matters to you"
LEFT, GUESSED, CHANGED, TODO = "left out", "guessed", "changed", "to do"


class Finding(NamedTuple):
    line: int
    path: str
    kind: str
    said: str

    def __str__(self) -> str:
        return f"{self.line}: {self.kind}: {self.path}{': ' if self.path else ''}{self.said}"


class Foreign:
    """Its data, as JSON would have them but for Decimals, and what became of them."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._carried: set[Path] = set()
        self._findings: dict[tuple[Path, str, str], None] = {}
        self._nodes = 0
        try:
            root = yaml.compose(_without_tabs(text), Loader=Loader)
            self.data: Any = self._plain(root, ()) if root else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {min(mark.line + 1, len(text.splitlines()))}: " if mark else ""  # the end of a text is on a line of its own
            raise Trouble(f"{where}neither YAML nor JSON: {getattr(error, 'problem', None) or error}") from error
        except RecursionError as error:
            raise Trouble("it is nested too deeply, or within itself") from error
        except InvalidDocument as error:
            raise Trouble(f"{error.problems[0]}") from error

    def carried(self, *paths: Path) -> None:
        """With all that is below it."""
        self._carried.update(paths)

    def find(self, path: Path, kind: str, said: str) -> None:
        self._findings[path, kind, said] = None

    def leave(self, path: Path, why: str = UNKNOWN) -> None:
        self.find(path, LEFT, why)

    def number(self, path: Path, value: Any, least: float, most: float, *, whole: bool = False) -> int | float | None:
        """As it stands there, or as text; listed where it is none, or none of this size."""
        try:
            found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
        except InvalidOperation:
            found = Decimal("nan")
        if not (found.is_finite() and least <= found <= most) or (whole and found != found.to_integral_value()):
            self.leave(path, f"{'a whole number' if whole else 'a number'} from {least:g} to {most:g} fits here, and not what it says")
            return None
        self.carried(path)
        return int(found) if found == found.to_integral_value() else float(found)

    @cached_property
    def secrets(self) -> "Secrets":
        return Secrets(self.data)

    def findings(self) -> list[Finding]:
        told = {path for path, kind, _ in self._findings if kind == LEFT} | self._carried
        begun = {path[:end] for path in told for end in range(len(path))}
        rest = {(path, LEFT, UNKNOWN): None for path in _unaccounted(self.data, (), told, begun)}
        places = [(self._place(path), kind, said) for path, kind, said in self._findings | rest]
        rows = [Finding(self._lines.get(path, 1), _said(path), kind, self._without_secrets(said)) for path, kind, said in places]
        return sorted(rows, key=lambda row: row.line)

    def _without_secrets(self, said: str) -> str:
        return "what stands there looks like a key" if self.secrets.stand_in(said) else said

    def _place(self, path: Path) -> Path:
        """Itself, or the nearest thing around it where it is missing."""
        while path and path not in self._lines:
            path = path[:-1]
        return path

    def _plain(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Trouble("its anchors unfold into more than is read here; write out what is needed")
        self._lines.setdefault(path, node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self._plain(item, (*path, position)) for position, item in enumerate(node.value)]
        return to_source(node).data

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        """Merge keys are unfolded: what stands beside them comes first."""
        data: dict[str, Any] = {}
        for key, value in node.value:
            if key.value == "<<":
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    inner = self._plain(merged, path)
                    data |= {name: item for name, item in inner.items() if name not in data} if isinstance(inner, dict) else {}
        for key, value in node.value:
            if key.value != "<<":
                name = key.value if isinstance(key, yaml.ScalarNode) else str(to_source(key).data)
                self._lines[*path, name] = key.start_mark.line + 1
                data[name] = self._plain(value, (*path, name))
        return data


class Secrets:
    """What must neither be written nor shown: keys, by their look or by the name they stand at."""

    def __init__(self, data: Any) -> None:
        self._by_start: dict[str, list[str]] = {}
        for path, value in _texts(data, ()):
            found = LOOKS_LIKE_A_KEY.findall(value)
            if SECRET_OPTION.search(str(path[-1]).lower()) and len(value) >= LONG and not value.startswith("os.environ/"):
                found.append(value)
            for secret in found:
                self._by_start.setdefault(secret[:START], []).append(secret)

    def stand_in(self, text: str) -> bool:
        """Looked for at once, however many there are."""
        starts = ((at, self._by_start.get(text[at : at + START], ())) for at in range(len(text) if self._by_start else 0))
        return any(text.startswith(secret, at) for at, secrets in starts for secret in secrets)


def shown(text: Any) -> str:
    """What may be printed of it: what looks like a key is not."""
    return "(what looks like a key)" if KEY.search(str(text)) else str(text)[:80]


def _said(path: Path) -> str:
    return ".".join(shown(part) for part in path)


def _unaccounted(data: Any, path: Path, told: set[Path], begun: set[Path]) -> Iterator[Path]:
    """The keys of which nothing was said, the outermost first; what has nothing said of any of its parts is told as a whole.

    `begun` are those of which a part was told.
    """
    if path in told:
        return
    parts = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    if not parts or (path and path not in begun):
        if path:
            yield path
        return
    for name, item in parts:
        yield from _unaccounted(item, (*path, name), told, begun)


def _texts(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield path, data
    for name, item in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _texts(item, (*path, name))


def _without_tabs(text: str) -> str:
    """JSON may be indented by tabs; YAML may not."""
    try:
        json.loads(text)
    except ValueError:
        return text
    return re.sub(r"(?m)^[\t ]+", lambda found: found[0].replace("\t", " "), text)
