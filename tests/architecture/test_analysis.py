"""What docs/analysis.md says of formulas and numbers is so: its Python is run, its table is worked out apart from what wrote it."""

import doctest
import math
import re

from ops import analysis
from ops.generated import END
from signalbox.routing.analysis import cautions
from signalbox.routing.analysis.fates import USUAL, all_down, independent
from signalbox.routing.analysis.report import LEAST
from signalbox.routing.catalog import Target

DOCUMENT = analysis.PART.document.read_text()
ROW = re.compile(r"^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.M)
IN_WORDS = ("what is shared: ", "U of the others")


def target(id: str, availability: float, region: str = "") -> Target:
    return Target(id, id.partition("/")[0], id, 9, 9, frozenset(), None, availability=availability, region=region)


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(DOCUMENT.partition(analysis.PART.begin)[2].partition(END)[0])


def number(text: str) -> float:
    found = re.search(r"[0-9][0-9.e+-]*", text)
    assert found, text
    return float(found[0])


def test_the_table_is_what_the_shipped_document_comes_to() -> None:
    assert analysis.PART.written(DOCUMENT) == DOCUMENT, "routing.yaml has changed: run python -m ops.analysis"
    assert DOCUMENT.count(analysis.PART.begin) == DOCUMENT.count(END) == 1


def test_each_row_reckons_what_it_comes_to() -> None:
    told = rows()
    assert len(told) >= 11
    for name, reckoned, value in told:
        if not reckoned.startswith(IN_WORDS):
            worked = eval(reckoned, {"__builtins__": {}}, {"log2": math.log2, "log10": math.log10, "min": min})
            assert math.isclose(worked, number(value), rel_tol=1e-3), (name, reckoned, value)


def test_a_wrong_number_would_be_found() -> None:
    wrong = DOCUMENT.replace(rows()[0][2], "0.5")
    assert analysis.PART.written(wrong) != wrong


def test_the_pages_python_runs() -> None:
    known = {"all_down": all_down, "independent": independent, "target": target}
    tests = doctest.DocTestParser().get_doctest(DOCUMENT.replace("```", ""), known, "analysis.md", None, 0)
    assert len(tests.examples) >= 8
    failed, _ = doctest.DocTestRunner(verbose=False).run(tests)
    assert failed == 0


def test_it_tells_every_warning_and_what_is_assumed() -> None:
    told = re.findall(r"^\| `(\w+)` \| ", DOCUMENT, re.M)
    assert sorted(told) == sorted(cautions.CAUTIONS)
    assert f"a share *p*\n({USUAL.provider}) is its provider's, a share *r* ({USUAL.region}) its region's" in DOCUMENT
    assert f"less than {LEAST:.1%} of the time".replace("%", " %") in DOCUMENT
