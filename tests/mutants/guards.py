"""The second half of `python -m tests.mutants`: what the code decides by itself, around the ledger's writes."""

from collections import Counter
from multiprocessing import Pool

from tests.properties.ledger_guards import HARMLESS, Known, guards, known, without, write
from tests.properties.ledger_plays import broken, plays


def tell(lives, say, rewrite):
    """Which check fails without each; the number of those without which none does, and of which nothing was known."""
    before, found, missed = known(), [], 0
    with Pool() as pool:
        asked = [(guard, before.get(guard.row), lives) for guard in guards()]
        for guard, by in pool.imap(tried, asked):
            was = before.get(guard.row)
            found.append((guard, Known(*by) if by else was if was and not was.breaks else Known("open", "")))
            if not by and (was is None or was.breaks):
                missed += 1
                say(f"nothing breaks without: {guard.module}, {guard.function}: {guard.was} -> {guard.becomes}")
    if rewrite:
        write(found)
    say("\n| the code in | conditions | without which a check fails | " + " | ".join(HARMLESS) + " |\n|---|" + "--:|" * (2 + len(HARMLESS)))
    for module in dict.fromkeys(guard.module for guard, _ in found):
        of = Counter(what.by if not what.breaks else "breaks" for guard, what in found if guard.module == module)
        say(f"| `{module.replace('.', '/')}.py` | {of.total()} | {of['breaks']} | " + " | ".join(str(of[why]) for why in HARMLESS) + " |")
    say("\n".join(f"\n{check}: {count}" for check, count in Counter(what.check for _, what in found if what.breaks).most_common()))
    return missed


def tried(asked):
    """The play that is known first."""
    guard, was, lives = asked
    with without(guard):
        return guard, broken([*([was.by] if was and was.breaks else []), *plays(lives)])
