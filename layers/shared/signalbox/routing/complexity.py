"""How hard a request looks, 0 to 100: points for each of its own features, the same for the same request, and no model asked.

| feature | points | at most |
|---|---|---|
| length: estimated input tokens | 5 from 100, 10 from 500, 15 from 2,000, 20 from 8,000, 25 from 32,000 | 25 |
| code in what the user said last | 12 for a fence; 8 for three of `CODE` | 12 |
| reasoning asked for by words: `CUES` in what the user said last | 5 for each that is there | 20 |
| reasoning asked for by parameter | low 8, medium 12, high 16, xhigh 20; a budget 8, from 4,096 tokens 12, from 16,384 16 | 20 |
| tools | 5, and one for each | 12 |
| turns: messages after the first | 1 for each two | 10 |
| images | 5 | 5 |
| a schema for the answer | 5 | 5 |

What the user said last is its first and its last 1,024 characters: instructions stand before what they are about, or after it.
"""

from bisect import bisect_right

from ..request import Image, Request, Text

EDGE_CHARS = 1_024
MOST_PARTS = 64  # of the last message that are looked at
LENGTHS = (100, 500, 2_000, 8_000, 32_000)
CODE = ("def ", "class ", "function ", "import ", "return ", "#include", "select ", "const ", "public ", "();", "=> ", "{\n", "</")
# A word begins after a space. Those that stand inside a sentence as often as they ask for thought ("how", "because") are none.
CUES = (
    *(" prove", " derive", " step by step", " step-by-step", " compar", " plan ", " analy", " reason", " evaluat", " trade-off"),
    *(" explain why", " optimi", " debug", " refactor", " design", " architect", " calculat", " diagnos", " root cause", " pros and cons"),
)
EFFORTS = {"low": 8, "medium": 12, "high": 16, "xhigh": 20}
BUDGETS = (1, 4_096, 16_384)


def score(request: Request, input_tokens: int) -> int:
    """`input_tokens` is the estimate that routing goes by."""
    return min(100, sum(points(request, input_tokens).values()))


def points(request: Request, input_tokens: int) -> dict[str, int]:
    """By feature: what explains the score."""
    said = _said_last(request)
    return {
        "length": 5 * bisect_right(LENGTHS, input_tokens),
        "code": _code(said),
        "cues": min(20, 5 * sum(cue in said for cue in CUES)),
        "thinking": _thinking(request),
        "tools": min(12, 5 + len(request.tools)) if request.tools else 0,
        "turns": min(10, max(0, len(request.messages) - 1) // 2),
        "images": 5 if _has_images(request) else 0,
        "schema": 5 if request.response_format is not None and request.response_format.schema is not None else 0,
    }


def _said_last(request: Request) -> str:
    """In small letters, in one line but for its code, with a space before its first word."""
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    texts = [_edges(part.text) for part in last.parts[:MOST_PARTS] if isinstance(part, Text)] if last else []
    text = _edges("\n".join(texts))
    return f" {text.lower()}".replace("\n", "\n ")


def _edges(text: str) -> str:
    return text if len(text) <= 2 * EDGE_CHARS else f"{text[:EDGE_CHARS]} {text[-EDGE_CHARS:]}"


def _code(said: str) -> int:
    if "```" in said:
        return 12
    return 8 if sum(token in said for token in CODE) >= 3 else 0


def _thinking(request: Request) -> int:
    thinking = request.thinking
    if thinking is None:
        return 0
    budget = 4 * bisect_right(BUDGETS, thinking.budget_tokens or 0)
    return max(EFFORTS.get(thinking.effort or "", 0), budget + 4 if budget else 0)


def _has_images(request: Request) -> bool:
    return any(isinstance(part, Image) for message in request.messages for part in message.parts)
