"""Rows of a document's text: set, replaced and removed, and the rest as people wrote it."""

import json
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.edit import with_row
from signalbox.config.source import read
from signalbox.config.written import as_read

ROW = {"priority": 3, "actions": {"deny": "closed"}}
LINE = "{priority: 3, actions: {deny: closed}}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1\n", f"version: 1\n\npolicies:\n  a: {LINE}\n"),
        ("version: 1", f"version: 1\n\npolicies:\n  a: {LINE}"),
        ("version: 1\n# the end\n", f"version: 1\n# the end\n\npolicies:\n  a: {LINE}\n"),
        ("policies: {} # none yet\nflags: {}\n", f"policies: # none yet\n  a: {LINE}\nflags: {{}}\n"),
        ("policies:\n# soon\nflags: {}\n", f"policies:\n  a: {LINE}\n# soon\nflags: {{}}\n"),
        ("policies: null", f"policies:\n  a: {LINE}"),
        ("policies: {\n  # soon\n}\n", f"policies: {{a: {LINE}\n  # soon\n}}\n"),
        ("policies: {b: {priority: 1}} # few\n", f"policies: {{b: {{priority: 1}}, a: {LINE}}} # few\n"),
        ("policies:\n    b: {priority: 1} # first\n\n# then\nflags: {}\n", None),
        ("policies:\n  b:\n    actions:\n      deny: |\n        no\n\nflags: {}\n", None),
        ('{"version": 1, "policies": {}}', f'{{"version": 1, "policies": {{a: {LINE}}}}}'),
        ('{"version": 1}', f'{{"version": 1, policies: {{a: {LINE}}}}}'),
    ],
)
def test_a_new_row_comes_last_in_its_section(before, after):
    with_it = with_row(before, ("policies", "a"), ROW)
    if after:
        assert with_it == after
    else:
        assert before.index("\n\n") < with_it.index(f"a: {LINE}\n\n") + 1
    assert with_row(with_it, ("policies", "a"), ROW) == with_it
    there = read(before).data
    assert read(with_row(with_it, ("policies", "a"), None)).data == there | {"policies": there.get("policies") or {}}


DOCUMENT = """\
version: 1 # the form
policies: # ours
  # of the night
  a: # keeps costs down
    priority: 1

    # inside
    actions:
      deny: no # why
    # still after it

  # of the day
  "b": {priority: 2} # short
  c: {
    priority: 3, # in braces
    actions: {},
  }
flags: {x: {}, y: {percent: 5}, z: {}} # all
# the end
"""


@pytest.mark.parametrize(
    ("path", "data", "old", "new"),
    [
        (
            ("policies", "a"),
            {"priority": 9},
            "  a: # keeps costs down\n    priority: 1\n\n    # inside\n    actions:\n      deny: no # why\n",
            "  a: {priority: 9} # keeps costs down\n",
        ),
        (("policies", "a"), None, DOCUMENT[DOCUMENT.index("  a:") : DOCUMENT.index("    # still")], ""),
        (("policies", "b"), {"priority": 4}, '"b": {priority: 2} # short', '"b": {priority: 4} # short'),
        (("policies", "b"), None, '  "b": {priority: 2} # short\n', ""),
        (("policies", "c"), {"priority": 4}, DOCUMENT[DOCUMENT.index("  c:") : DOCUMENT.index("flags")], "  c: {priority: 4}\n"),
        (("policies", "c"), None, DOCUMENT[DOCUMENT.index("  c:") : DOCUMENT.index("flags")], ""),
        (("flags", "x"), None, "{x: {}, y:", "{y:"),
        (("flags", "y"), None, "y: {percent: 5}, ", ""),
        (("flags", "z"), None, ", z: {}}", "}"),
        (("flags", "y"), {"percent": 6}, "percent: 5", "percent: 6"),
        (("segments", "none"), None, "", ""),
        (("policies", "none"), None, "", ""),
    ],
)
def test_one_row_changes_and_nothing_else(path, data, old, new):
    assert with_row(DOCUMENT, path, data) == DOCUMENT.replace(old, new, 1)


def test_a_long_row_is_written_below_its_key_and_keeps_its_remark():
    row = {
        "name": "The night",
        "conditions": {"any": [{"tenant": "acme", "tokens": {"gt": 1000}, "tags": ["x" * 40, "y" * 40]}, {"key": "k"}]},
    }
    assert with_row(DOCUMENT, ("policies", "b"), row | {"continue": True}) == DOCUMENT.replace(
        '"b": {priority: 2} # short',
        f"""\
"b": # short
    name: The night
    conditions:
      any:
        - tenant: acme
          tokens: {{gt: 1000}}
          tags: [{"x" * 40}, {"y" * 40}]
        - {{key: k}}
    continue: true""",
    )


def test_without_its_last_row_a_section_stays_and_may_be_filled_again():
    text = "policies: # ours\n  # of the night\n  a: {priority: 1}\n\nroutes: {}\n"
    without = with_row(text, ("policies", "a"), None)
    assert without == "policies: {} # ours\n  # of the night\n\nroutes: {}\n"
    assert read(with_row(without, ("policies", "b"), {})).data == {"policies": {"b": {}}, "routes": {}}
    assert with_row("flags: {a: {}}", ("flags", "a"), None) == "flags: {}"


@pytest.mark.parametrize(
    "text",
    [
        "policies:\n  ? a\n  : {priority: 1}\n  b: {}\n",
        "version: 1\n...\n",
        "policies:\n  b:\n    name: |+\n      all of it\n\n\nflags: {}\n",
    ],
)
def test_what_cannot_be_parted_is_refused(text):
    with pytest.raises(ValueError, match=r"policies.a cannot be parted"):
        with_row(text, ("policies", "a"), {"priority": 2})


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a", "c", "new"])
@pytest.mark.parametrize("data", [None, ROW, {"name": "x" * 120, "actions": {"deny": "y" * 120}}])
def test_a_text_keeps_the_ways_of_its_editor(mark, end, name, data):
    written = mark + DOCUMENT.replace("\n", end)
    assert with_row(written, ("policies", name), data) == mark + with_row(DOCUMENT, ("policies", name), data).replace("\n", end)


def test_a_text_of_which_some_lines_end_otherwise_is_left_as_it_is_in_all_others():
    text = "version: 1\r\npolicies:\n  b: {priority: 1}\r\n"
    assert with_row(text, ("policies", "a"), ROW) == f"{text}  a: {LINE}\n"


STRINGS = (
    *("no", "off", "Yes", "null", "~", "", " ", "22:00", "1e3", "1_000", "0x1f", "2026-11-21", "3am", "=", "- a", "a: b", "a #b", "a:b"),
    *(
        "two\nlines\n",
        "\ttab",
        "it's",
        'a "word"',
        "back\\slash",
        "[x]",
        "{x}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "?",
        "|",
        ">",
        "ends ",
    ),
    *(
        "überall",
        "\N{GRINNING FACE}",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x00",
        "\x7f",
        "http://x/y",
        "gpt-oss:20b",
        "x" * 5000,
        "a, b",
        "12:30:00",
    ),
)


@pytest.mark.parametrize("string", STRINGS)
def test_a_text_is_read_back_as_it_was(string):
    for before in ("version: 1\n", "flags: {x: {}}"):
        after = with_row(before, ("flags", "a"), {"name": string, "list": [string], "deep": {"er": {"text": string}}})
        row = read(after).data["flags"]["a"]
        assert row == {"name": string, "list": [string], "deep": {"er": {"text": string}}}
        assert type(row["name"]) is str
        if len(string) < 100:
            assert read(with_row(before, ("flags", "a"), {string: 1})).data["flags"]["a"] == {string: 1}


@pytest.mark.parametrize(("value", "written"), [("0.10", "0.10"), ("1E+3", "1000"), ("1E-9", "0.000000001"), ("-0.5", "-0.5")])
def test_a_number_is_written_out_exactly(value, written):
    assert with_row("flags: {}\n", ("flags", "a"), {"n": Decimal(value)}) == f"flags:\n  a: {{n: {written}}}\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"n": float("nan")}, "NaN is no number that a document can hold"),
        ({"n": Decimal("1e999999999")}, "1E+999999999 is no number"),
        ({"n": 10**50}, "is no number"),
        ({"n": "\ud800"}, "half a character"),
        ({"<<": 1}, "'<<' is no name"),
        ({"x" * 1001: 1}, "1001 characters"),
        ({"n": object()}, "object is nothing that a document can hold"),
    ],
)
def test_what_no_document_can_hold_is_refused(row, said):
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        with_row("version: 1\n", ("flags", "a"), row)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(STRINGS[:40])
numbers = st.integers(-(10**12), 10**12) | st.decimals(-1000, 1000, places=9) | st.floats(-1e6, 1e6).map(lambda value: round(value, 9))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts.filter(lambda key: key != "<<"), inner, max_size=3),
    max_leaves=12,
)
NAMES = ("a", "b", "c.d")
rows = st.dictionaries(st.sampled_from(["name", "status", "conditions", "actions", "x-y"]), values, max_size=4)
remarks = st.lists(st.sampled_from(["", "# one", "  # two", "    # three", "# a: {b: 1}"]), max_size=2)
FORMS = ("block", "braces", "line", "json")


@st.composite
def documents(draw):
    """Texts of every form, each with the comments that stand outside of its rows."""
    lines, kept = ["version: 1"], []
    for section in draw(st.permutations(["policies", "flags", "segments"]).map(lambda all: all[: draw(st.integers(0, 3))])):
        there = draw(st.dictionaries(st.sampled_from(NAMES), rows, max_size=3))
        form = draw(st.sampled_from(FORMS))
        if not there or form == "line":
            lines.append(f"{section}: " + (draw(st.sampled_from(["{}", "", "null", "{ }"])) if not there else _flow(there)))
        elif form == "braces":
            lines += [f"{section}: {{", *(f"  {json.dumps(name)}: {_flow(row)}," for name, row in there.items()), "}"]
        else:
            lines.append(f"{section}:")
            for name, row in there.items():
                above = draw(remarks)
                lines += above
                lines += (f"  {name}: {_flow(row)}" if form == "json" or not row else _block(name, row)).splitlines()
        lines += draw(remarks)
    text = "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n"]))
    kept = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    return text, kept


def _flow(value):
    return yaml.safe_dump(_plain(value), default_flow_style=True, width=10**9, allow_unicode=False).strip()


def _block(name, row):
    dumped = yaml.safe_dump(_plain(row), default_flow_style=False, width=10**9, allow_unicode=False)
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in dumped.splitlines())


def _plain(value):
    """As the dumper of another hand can write it."""
    return json.loads(json.dumps(value, default=float))


def strictly(value):
    """With the kinds of what is equal: true is not 1."""
    if isinstance(value, dict):
        return {key: strictly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strictly(item) for item in value]
    return (type(value).__name__ if isinstance(value, bool | str | None) else "number", value)


@given(documents(), st.sampled_from(["policies", "flags", "segments"]), st.sampled_from(NAMES), st.none() | rows)
def test_the_row_is_what_was_said_and_all_else_what_it_was(document, section, name, data):
    text, remarks = document
    before = read(text).data
    after = with_row(text, (section, name), data)
    there = dict(before.get(section) or {})
    if data is None and name not in there:
        assert after == text
        return
    there.pop(name, None)
    expected = there if data is None else there | {name: as_read(data)}
    assert strictly(read(after).data) == strictly(before | {section: expected})
    assert [line for line in after.splitlines() if line.lstrip().startswith("#")] == remarks
