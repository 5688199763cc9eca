"""CSV and page: what they hold, and what no name in them can do."""

import csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.reports.csv_text import HEADING, to_csv
from signalbox.reports.page import MOST_ROWS, dollars, to_html

from .day import event, mixed_day, report_of

EVIL = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "</title><b>",
        "&lt;",
        "=1+1",
        '@a,"b"\n',
        "-2\r\n+3",
        "\u202eesrever",
        " =x",
    ]
)
NAMES = EVIL | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30)


class Page(HTMLParser):
    """What a browser would make of it: elements, attributes, and text by the element that it stands in."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.open.append(tag)
        if tag == "meta":
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))

    def names(self):
        return [data for tag, data in self.text if tag == "bdi"]


def rows(text):
    heading, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(heading) == HEADING
    return [dict(zip(heading, line, strict=True)) for line in lines]


def test_the_csv_has_a_row_for_each_tenant_team_dimension_and_id():
    whole = report_of("acme", None, mixed_day(1, 300), mixed_day(2, 300))
    lines = rows(to_csv(whole))
    assert len({(row["tenant"], row["team"], row["dimension"], row["id"]) for row in lines}) == len(lines)
    assert {row["dimension"] for row in lines} == {"all", "team", "model", "key", "route"}
    assert (
        int(lines[0]["cost_nanousd"])
        == whole.total.figures.cost_nanousd
        == sum(int(row["cost_nanousd"]) for row in lines if row["dimension"] == "key")
    )
    assert float(lines[0]["cost_usd_before"]) == whole.total.before.cost_nanousd / 1e9
    assert to_csv(whole).endswith("\r\n")
    assert {row["team"] for row in rows(to_csv(report_of("acme", "search", mixed_day(1, 300))))} == {"search"}


@given(NAMES, NAMES, NAMES)
def test_no_name_is_a_formula_or_breaks_a_row(tenant, team, key):
    lines = rows(to_csv(report_of(tenant, team, [event("a", tenant=tenant, team=team, key=key)])))
    [line] = [line for line in lines if line["dimension"] == "key"]
    for name, told in ((tenant, line["tenant"]), (team, line["team"]), (key, line["id"])):
        assert told in (name, f"'{name}")
        assert not told.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(NAMES, NAMES, NAMES, NAMES)
def test_no_name_is_more_than_text_in_a_page(tenant, team, key, route):
    today = [event("a", tenant=tenant, team=team, key=key, route=route, target="openai/<b>")]
    plain = Page(to_html(report_of("acme", "search", [event("a", target="openai/b")])))
    page = Page(to_html(report_of(tenant, team, today)))
    assert (page.tags, page.attributes, page.open) == (plain.tags, plain.attributes, [])
    assert "".join(page.names()) == f"{tenant} / {team}openai/<b>{key}{route}"


def test_a_page_is_whole_in_itself():
    text = to_html(report_of("acme", None, mixed_day(1, 300), mixed_day(2, 300)))
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "href", "onclick", "style"} & set(page.attributes)
    assert "url(" not in text
    assert "://" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_page_tells_what_the_day_came_to_beside_the_day_before():
    today, before = (
        [event("a", cost_nanousd=2_500_000_000), event("b", cost_nanousd=0, slow=True)],
        [event("c", cost_nanousd=2_000_000_000)],
    )
    text = " ".join(data for _, data in Page(to_html(report_of("acme", None, today, before))).text)
    assert "$2.50" in text
    assert "+25\u00a0% on the day before" in text
    assert "50\u00a0% of requests" in text
    assert "so far" not in text
    assert "so far" in to_html(report_of("acme", None, today, before, finished=False))


def test_a_long_table_ends_and_says_how_much_is_left():
    text = to_html(report_of("acme", None, [event(f"r{n}", key=f"k{n}") for n in range(MOST_ROWS + 7)]))
    assert "And 7 more" in text
    assert len(Page(text).names()) == 1 + 1 + 1 + MOST_ROWS + 1


@pytest.mark.parametrize(
    ("nanousd", "said"),
    [
        (0, "$0.00"),
        (1, "&lt;$0.0001"),
        (123_456, "$0.0001"),
        (12_345_678, "$0.0123"),
        (100_000_000, "$0.10"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_money_is_short(nanousd, said):
    assert dollars(nanousd) == said
