"""Text in columns and numbers as an operator reads them, at three in the morning too."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import floor, log10

NANOUSD_PER_USD = 1_000_000_000
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
UNKNOWN = "?"


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """The first row is the heading. What looks like a number stands to the right."""
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    right = [all(cell[:1].isdigit() or cell[:1] in "$?∞<-" for cell in column[1:]) for column in zip(*table, strict=True)]
    return [indent + "  ".join(map(_aligned, row, widths, right)).rstrip() for row in table]


def printable(cell: str) -> str:
    """Names are what callers made them: none of them moves the cursor of whoever looks, breaks a row or turns it round."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cell)


def _aligned(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def percent(share: float) -> str:
    return f"{Decimal(f'{100 * share:.3g}'):f} %"


def available(unavailability: float) -> str:
    """As many decimals as tell it from never being down: 99.9999 %."""
    if unavailability <= 0:
        return "100 %"
    if unavailability > 0.99:
        return percent(1 - unavailability)
    decimals = min(13, max(0, 1 - floor(log10(100 * unavailability))))
    return f"{Decimal(f'{100 - 100 * unavailability:.{decimals}f}').normalize():f} %"


def duration(seconds: float) -> str:
    if 0 < seconds < 0.001:
        return "<1 ms"
    size, unit = next((row for row in UNITS if seconds >= row[0]), (1, "s"))
    amount = seconds / size
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{Decimal(f'{amount:.2g}'):f} {unit}"


def counted(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def dollars(nanousd: int | None) -> str:
    """Rounded to three digits: this is for reading; the exact amount is in the JSON."""
    if nanousd is None:
        return UNKNOWN
    return "$" + f"{Decimal(f'{nanousd / NANOUSD_PER_USD:.3g}'):,f}"
