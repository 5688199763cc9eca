"""What a sample must not hold, by name: a pattern, or a function from a text to where it is. Rather too much is taken than too little.

Every repeat has a bound: a text that is made to be slow is as soon done as any other.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import log2

from ..guardrails.redaction import PATTERNS
from .terms import Terms

Where = Iterator[tuple[int, int]]
Redactor = Callable[[str], Where]

_GAP = r"[ ().\-/\u00a0\u2009]{0,2}"
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"  # of a word; a text within JSON spells the end of the line before it in letters
_WORD = r"[A-Z\u00c0-\u00de][\w'\u2019-]{1,30}"
_NAMES = rf"({_WORD}(?:[ \u00a0]{_WORD}|[ \u00a0][A-Z]\.){{0,3}})"
_REVERSED = rf"({_NAMES[1:-1]}(?:, ?{_WORD})?)"  # Lovelace, Ada

EMAIL = r"[\w.+%'-]{1,64}?(?:@|%40|&#64;|\\u0040)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"  # in an address, in HTML, in JSON
PHONES = (
    rf"(?:\+|%2[Bb]|(?<![\d.,])00)[1-9](?:{_GAP}\d){{6,14}}",
    r"(?<!\d)(?:\(\d{2,5}\)|0\d{1,4})[ ./-]{1,2}\d{2,5}(?:[ ./-]?\d{2,5}){1,3}",
    r"(?<![\d.,])0[1-9]\d{7,10}(?!\d)",
    r"(?<!\d)(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)",
    rf"(?i:\b(?:tel|phone|mobile|cell|fax|call|whatsapp|telefon|handy)\b)[^\d\n+]{{0,16}}(\+?\d(?:{_GAP}\d){{5,14}})",
)
KEYS = (
    PATTERNS["private_key"],
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    rf"{_START}sk[_-][A-Za-z0-9_-]{{12,200}}(?:\.[A-Za-z0-9_-]{{16,200}})?",  # Signalbox' own have two parts
    rf"{_START}(?:ak|pk|rk|gsk|pplx|whsec|hf|npm|r8|tgp|xai|fw)[_-](?:(?=[A-Za-z_-]{{0,40}}\d)[A-Za-z0-9_-]{{12,200}}|[A-Za-z0-9]{{24,200}})",
    rf"{_START}(?:dapi[a-f0-9]{{32}}|ABSK[A-Za-z0-9+/]{{40,400}}={{0,2}}|[A-Za-z0-9_~.-]{{3}}\dQ~[A-Za-z0-9_~.-]{{30,40}})",
    r"gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[\w-]{16,255}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,255}",
    r"AIza[\w-]{30,60}|ya29\.[\w-]{20,500}|GOCSPX-[\w-]{20,60}",
    r"SG\.[\w-]{16,64}\.[\w-]{16,64}|dop_v1_[a-f0-9]{40,80}|key-[a-f0-9]{32}",
    r"eyJ[\w-]{8,4000}+\.[\w-]{8,4000}+(?:\.[\w-]{0,4000})?",
    r"(?i:\bbearer|\bbasic)[ ]([\w.~+/=-]{8,4000})",
    r"(?i:\b(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key)\b)[\"']{0,2}[ ]?[:=][ ]?[\"']{0,2}([^\s\"',;]{4,200})",
    r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:([^\s/@]{1,200})@",
)
NAMES = (
    rf"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Sir|Madam|Herr|Frau|Monsieur|Madame|Se\u00f1or|Se\u00f1ora)\b\.?[ \u00a0]{_NAMES}",
    rf"(?i:\b(?:my name is|this is|i am called|mein name ist|ich hei\u00dfe|je m'appelle|me llamo))[ \u00a0]{_NAMES}",
    rf"(?i:\b(?:(?:full|first|last|sur)?[ _]?name|patient|customer|employee|contact))[\"']{{0,2}}[ ]?:[ ]?[\"']{{0,2}}{_REVERSED}",
    rf"\b(?:Dear|Hi|Hello|Hallo|Liebe|Lieber|Bonjour|Hola)[ \u00a0]{_NAMES}(?=[ ]?[,!:\n])",
    rf"(?i:\b(?:regards|sincerely|cheers|best wishes|gr\u00fc\u00dfe|cordialement|saludos)),?\s{{1,4}}{_NAMES}",
)
_DIGITS = re.compile(r"\d+")
_RUN = re.compile(r"\d(?:[ \-.\t\u00a0\u2009]{0,3}\d){12,}")
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])|[A-Za-z0-9+=]{16,400}")  # AWS' are 40, with slashes in them
LEAST_BITS, LEAST_TURNS = 3.0, 0.25


def pattern(*texts: str) -> Redactor:
    """What is in a pattern's first group goes; where it has none, all that it matches."""
    compiled = [re.compile(text) for text in texts]

    def found(text: str) -> Where:
        for each in compiled:
            for match in each.finditer(text):
                yield match.span(1 if each.groups and match.group(1) is not None else 0)

    return found


def cards(text: str) -> Where:
    """13 to 19 digits that check by Luhn's sum. With other digits behind or before them, if there is a gap: an expiry, a CVC."""
    for run in _RUN.finditer(text):
        groups = [(match.start() + run.start(), match.end() + run.start()) for match in _DIGITS.finditer(run.group())]
        for first, (start, _) in enumerate(groups):
            count, sums = 0, [0, 0]  # Luhn's, where every other digit from the first on counts twice, and where it is the others
            for begin, end in groups[first:]:
                if count + end - begin > 19:
                    break
                for digit in map(int, text[begin:end]):
                    twice = sum(divmod(2 * digit, 10))
                    sums[count % 2] += twice
                    sums[1 - count % 2] += digit
                    count += 1
                if count >= 13 and any(sums) and sums[count % 2] % 10 == 0:  # the last one counts once
                    yield start, end


def secrets(text: str) -> Where:
    """Long runs of letters and digits that no word has: drawn by chance, so that they turn between the two often."""
    for match in _TOKEN.finditer(text):
        token = match.group()
        kinds = [_kind(char) for char in token]
        turns = sum(one != other for one, other in pairwise(kinds)) / len(token)
        if "0" in kinds and len(set(kinds)) > 1 and turns >= LEAST_TURNS and _bits(token) >= LEAST_BITS:
            yield match.span()


REDACTORS: Mapping[str, Redactor] = {
    "key": pattern(*KEYS),
    "email": pattern(EMAIL),
    "card": cards,
    "iban": pattern(PATTERNS["iban"]),
    "us_ssn": pattern(PATTERNS["us_ssn"]),
    "phone": pattern(*PHONES),
    "ip": pattern(PATTERNS["ipv4"]),
    "name": pattern(*NAMES),
    "secret": secrets,
}


class Redaction:
    """The redactors of a route; `counts` says how often each found something. What one found in a text goes from all: see `swept`."""

    def __init__(self, terms: Terms) -> None:
        names = REDACTORS if terms.redact is None else terms.redact
        self._redactors = {name: REDACTORS[name] for name in names} | {name: pattern(f"({text})") for name, text in terms.own.items()}
        self.counts: Counter[str] = Counter()
        self._found: dict[str, str] = {}
        self._again: re.Pattern[str] | None = None

    def redacted(self, text: str, most: int | None = None) -> str:
        """`[name]` for what was found; of `most` characters of the text, cut where nothing that was found can be left in halves."""
        most = len(text) if most is None else most
        pieces, place = [], 0
        for start, end, name in self._spans(text[: most + MARGIN]):
            if start >= most:
                break
            self.counts[name] += 1
            self._find(text[start:end], name)
            pieces += [text[place:start], f"[{name}]"]
            place = end
        return "".join((*pieces, text[place : max(most, place)]))

    def swept(self, text: str) -> str:
        """Without what has been found by now, wherever it is said again: a name that was introduced, a password that was given."""
        if self._again is None:
            literals = sorted(self._found, key=len, reverse=True)[:MOST_SWEPT]
            self._again = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, literals)) or '(?!)'})(?!\w)")
        return self._again.sub(lambda match: f"[{self._found[match.group()]}]", text)

    def _find(self, found: str, name: str) -> None:
        self._again = None
        words = re.findall(r"\w{3,}", found) if name == "name" else ()
        self._found |= {literal: name for literal in (found, *words) if len(literal) >= LEAST_SWEPT}

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """In order and apart from each other: those that overlap are one, by the name of the first."""
        found = [(start, -end, name) for name, redactor in self._redactors.items() for start, end in redactor(text) if end > start]
        apart: list[tuple[int, int, str]] = []
        for start, minus_end, name in sorted(found):
            if apart and start < apart[-1][1]:
                apart[-1] = (apart[-1][0], max(apart[-1][1], -minus_end), apart[-1][2])
            else:
                apart.append((start, -minus_end, name))
        return apart


LEAST_SWEPT, MOST_SWEPT = 3, 500  # characters of one, and how many
MARGIN = 8_200  # characters looked at beyond a cut: the longest thing that a pattern takes


def _kind(char: str) -> str:
    return "0" if char.isdigit() else "a" if char.islower() else "A" if char.isupper() else "+"


def _bits(token: str) -> float:
    """Shannon's entropy of a character, in bits."""
    return -sum(count / len(token) * log2(count / len(token)) for count in Counter(token).values())
