"""The conditions that stand in the code around the ledger's writes, each taken away by itself.

Of each function below every `if`, `while`, conditional expression and filter is made always true and always false, each part of an
`and` or `or` goes, and so does each argument of a `min` or `max`, each margin added to a time, and each call that drops a lease.
"""

import ast
import importlib
import inspect
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NamedTuple

GUARDED = {
    "admission.leases": ("",),
    "admission.admitting": ("Admission", "_goal"),
    "admission.shards": ("",),
    "admission.covers": ("",),
    "admission.settling": ("why_unsettled",),
    "aws.ledger": ("Desk.open", "Desk.settle", "Desk.cancel", "Desk._drop"),
    "aws.till": ("Till",),
    "aws.hold": ("Hold",),
    "aws.reconcile": ("Reconciler",),
    "aws.sweep": ("Sweep",),
    "aws.outbox": ("Pending", "settle", "names"),
    "aws.shards": ("",),
    "aws.waves": ("",),
    "aws.windows": ("to_call", "hand_back", "_placed"),
}
MARGINS = {"GRACE_MS", "ADMITS_MS"}
DROPS = {"drop", "discard", "pop"}


class Guard(NamedTuple):
    """One condition of a function, by its place there; `was` is the code around it, `becomes` the same without it."""

    module: str
    function: str
    number: int
    was: str
    becomes: str

    @property
    def row(self):
        return self.module, self.function, self.was, self.becomes


def guards():
    return [guard for module, names in GUARDED.items() for guard in _of_module(module, names)]


def _of_module(module, names):
    for path, definition in _functions(module):
        if path.startswith(names):
            seen = {}
            for number, (was, becomes, _) in enumerate(_mutations(definition)):
                nth = seen[was, becomes] = seen.get((was, becomes), 0) + 1  # the same twice in a function is told apart
                yield Guard(module, path, number, was, becomes + (f"  ({nth})" if nth > 1 else ""))


@contextmanager
def without(guard):
    """The running code without it, whoever has imported it."""
    tree = deepcopy(_tree(guard.module))
    definition = dict(_functions(guard.module, tree))[guard.function]
    [(_, _, change)] = [mutation for number, mutation in enumerate(_mutations(definition)) if number == guard.number]
    change()
    module = importlib.import_module(f"signalbox.{guard.module}")
    function = module
    for name in guard.function.split("."):
        function = inspect.getattr_static(function, name)
    function = getattr(function, "fget", function)
    whole = function.__code__
    function.__code__ = _code(compile(ast.fix_missing_locations(tree), whole.co_filename, "exec"), guard.function.split("."))
    try:
        yield
    finally:
        function.__code__ = whole


def _code(code, path):
    for name in path:
        [code] = [const for const in code.co_consts if inspect.iscode(const) and const.co_name == name]
    return code


@cache
def _tree(module):
    return ast.parse(inspect.getsource(importlib.import_module(f"signalbox.{module}")))


def _functions(module, tree=None):
    for node in (tree or _tree(module)).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, ast.FunctionDef))


def _mutations(definition):
    """The code as it is, the code without a condition, and what changes the tree so."""
    for parent in ast.walk(definition):
        for field, value in ast.iter_fields(parent):
            for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST):
                    for instead in _instead(parent, field, node):
                        yield _line(node), _line(instead), lambda at=(parent, field, place), new=instead: _put(*at, new)


def _line(node):
    return " ".join(ast.unparse(node).split())


def _put(parent, field, place, new):
    if place is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[place] = new


def _instead(parent, field, node):
    decides = field == "test" or (isinstance(parent, ast.comprehension) and field == "ifs")
    if isinstance(node, ast.BoolOp):
        for gone in range(len(node.values)):
            rest = [each for place, each in enumerate(node.values) if place != gone]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif decides or (field == "value" and isinstance(parent, ast.Return | ast.Assign) and isinstance(node, ast.Compare)):
        yield ast.Constant(True)
        yield ast.Constant(False)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max") and len(node.args) > 1:
        for gone in range(len(node.args)):
            rest = [each for place, each in enumerate(node.args) if place != gone]
            yield rest[0] if len(rest) == 1 and not isinstance(rest[0], ast.Starred) else ast.Call(node.func, rest, node.keywords)
    elif isinstance(node, ast.BinOp) and MARGINS & {each.id for each in ast.walk(node.right) if isinstance(each, ast.Name)}:
        yield node.left
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sum":
        yield ast.Call(ast.Name("max", ast.Load()), node.args, [*node.keywords, ast.keyword("default", ast.Constant(0))])
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in DROPS:
        yield ast.Pass()


# What is known of each: which play breaks without it, and the check that fails; or why none need.

TABLE = Path(__file__).with_name("ledger_guards.tsv")
HARMLESS = {
    "call": "without it calls are made that change nothing, or one that could have been saved",
    "twice": "what it keeps from being done again is refused by the write's own condition",
    "later": "without it something is left to the sweeper, or goes back later: nothing is lost",
    "log": "it decides what the log says, and nothing else",
    "never": "it is for what does not come about in these worlds: for the type checker, or against errors in what is stored",
    "share": "it decides how much is leased at once, and where; what may be leased is decided by the write",
    "open": "not shown: no story is known that breaks without it, and no reason why there is none",
}


class Known(NamedTuple):
    """`by` is a play, or one of `HARMLESS`."""

    by: str
    check: str

    @property
    def breaks(self):
        return self.by not in HARMLESS


def known():
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()] if TABLE.exists() else []
    return {tuple(row[:4]): Known(*row[4:]) for row in rows}


def write(found):
    TABLE.write_text("".join("\t".join((*guard.row, *what)) + "\n" for guard, what in found))
