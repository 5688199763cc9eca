"""A report as a page: whole in itself, without scripts or remote parts, for a screen, a phone, and paper."""

from collections.abc import Iterator
from html import escape

from ..money import NANOUSD_PER_USD
from .report import Figures, Report, Row
from .style import STYLE

NONE = "&ndash;"
MOST_ROWS = 100  # of a table; the rest is in the CSV
# What a browser may load for it, whatever a name turned out to hold: nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
TITLES = {"team": "Teams", "model": "Models", "key": "Keys", "route": "Routes"}
HEADING = ("requests", "errors", "slow", "cache hits", "tokens in", "tokens out", "mean", "cost", "change")
# Of a model: what it is asked has no slow requests and no cache; its errors are of attempts.
NOT_OF = {"model": {"slow", "cache hits"}}
MINOR = {"slow", "cache hits", "tokens in", "tokens out", "mean"}  # for which a phone has no room


def to_html(report: Report) -> str:
    whose = f"{report.tenant} / {report.team}" if report.team is not None else report.tenant
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Usage of {escape(whose)}, {report.day}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{_named(whose)}</h1>",
            f"<p>Usage of {report.day}, in UTC{'' if report.finished else ' <strong>so far: the day is not over</strong>'}</p></header>",
            f"<dl>{''.join(_tiles(report.total))}</dl>",
            *(part for by, rows in report.rows.items() if rows for part in _table(by, rows)),
            "<footer><p>Errors are requests that were refused, or sent and not answered to the end; of a model, attempts that failed. "
            "A failed first attempt costs its own model, so that requests of models may be more than requests. "
            "A mean is of requests from arrival to the end of the answer, of a model of its attempts. "
            "Change is of the cost, from the day before.</p></footer>",
            "</body>",
            "</html>",
            "",
        )
    )


def _tiles(total: Row) -> Iterator[str]:
    now, before = total.figures, total.before
    looked_up = now.cache_hits + now.cache_misses
    yield _tile("Cost", dollars(now.cost_nanousd), _beside(now.cost_nanousd, before.cost_nanousd))
    yield _tile("Requests", f"{now.requests:,}", _beside(now.requests, before.requests))
    yield _tile("Errors", f"{now.errors:,}", f"{_share(now.errors, now.requests)}; {now.refused:,} refused, {now.failed:,} failed")
    yield _tile("Tokens", f"{_tokens(now):,}", f"{now.input:,} in, {now.output:,} out; {now.cached:,} read from caches")
    yield _tile("Slow", f"{now.slow:,}", _share(now.slow, now.requests))
    yield _tile("Cache hits", f"{now.cache_hits:,}", f"of {looked_up:,} looked up")
    yield _tile("Mean duration", _ms(total.mean_ms), "from arrival to the end")


def _tile(name: str, value: str, beside: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}<small>{beside}</small></dd></div>"


def _table(by: str, rows: tuple[Row, ...]) -> Iterator[str]:
    columns = [name for name in HEADING if name not in NOT_OF.get(by, ())]
    heads = "".join(f"<th{_class(name)} scope=col>{name.capitalize()}</th>" for name in columns)
    yield f"<section><h2>{TITLES[by]}</h2><table><thead><tr><th scope=col>{by.capitalize()}</th>{heads}</tr></thead><tbody>"
    for row in rows[:MOST_ROWS]:
        cells = _cells(row)
        told = "".join(f"<td{_class(name)}>{cells[name]}</td>" for name in columns)
        yield f"<tr><th scope=row>{_named(row.id) if row.id else '<em>none</em>'}</th>{told}</tr>"
    left = len(rows) - MOST_ROWS
    yield "</tbody></table>" + (f"<p>And {left:,} more: the CSV has all of them.</p>" if left > 0 else "") + "</section>"


def _cells(row: Row) -> dict[str, str]:
    now = row.figures
    values = (f"{now.requests:,}", f"{now.errors:,}", f"{now.slow:,}", f"{now.cache_hits:,}", f"{now.input:,}", f"{now.output:,}")
    cost = (_ms(row.mean_ms), dollars(now.cost_nanousd), _change(now.cost_nanousd, row.before.cost_nanousd))
    return dict(zip(HEADING, (*values, *cost), strict=True))


def _class(column: str) -> str:
    return " class=minor" if column in MINOR else ""


def _named(name: str) -> str:
    """Whichever way its letters run, what follows it is not turned round."""
    return f"<bdi>{escape(name)}</bdi>"


def _tokens(figures: Figures) -> int:
    return figures.input + figures.output


def _beside(now: int, before: int) -> str:
    if now == before:
        return "as the day before"
    return f"{_change(now, before)} on the day before" if before else "none the day before"


def _change(now: int, before: int) -> str:
    if now == before:
        return "same" if now else NONE
    if not before:
        return "new"
    percent = 100 * abs(now - before) / before
    return f"{'+' if now > before else '&minus;'}{f'{percent:,.0f}' if percent >= 10 else f'{percent:.1f}'}&nbsp;%"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g}&nbsp;% of requests" if whole else "no requests"


def _ms(ms: float | None) -> str:
    if ms is None:
        return NONE
    return f"{ms:,.0f}&nbsp;ms" if ms < 1_000 else f"{ms / 1_000:,.1f}&nbsp;s"


def dollars(nanousd: int) -> str:
    """To cents, or below ten of them to parts of one. The exact amount is in the JSON and the CSV."""
    usd = nanousd / NANOUSD_PER_USD
    if 0 < usd < 0.0001:
        return "&lt;$0.0001"
    return f"${usd:.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"
