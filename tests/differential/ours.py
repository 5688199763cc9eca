"""What we send to a provider for a body of chat completions, and what we understand of its recorded answer."""

import json
from collections.abc import Iterable
from typing import Any

from signalbox.dialects.openai_chat import DIALECT
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.providers.fit import lack_of
from signalbox.providers.registry import wire
from signalbox.reply import Choice, gather

from ..unit.providers.test_fixtures import provider, target
from .compare import REFUSED


def sent(kind: str, case: str, body: dict[str, Any]) -> Any:
    """The body, or that it is refused."""
    try:
        request = DIALECT.to_request(json.dumps(body | {"model": "any"}).encode(), {})
    except Refusal as refusal:
        return {REFUSED: refusal.param}
    if lack := lack_of(request, target(kind, case), provider(kind)):
        return {REFUSED: lack[0]}
    return json.loads(wire(provider(kind).wire).to_http(request, target(kind, case), provider(kind), request.max_tokens).body)


def understood(kind: str, answer: bytes, *, streamed: bool = False) -> dict[str, Any]:
    form = wire(provider(kind).wire)
    return told(*gather(form.to_chunks([answer]) if streamed else form.from_body(answer)))


def told(choices: Iterable[Choice], tokens: Tokens | None) -> dict[str, Any]:
    counted = tokens or Tokens()
    return {
        "choices": [
            {
                "text": choice.text,
                "reasoning": "".join(block.text for block in choice.reasoning),
                "calls": [[call.name, call.arguments] for call in choice.tool_calls],
                "finish": choice.finish,
            }
            for choice in choices
        ],
        "tokens": {
            "input": counted.input,
            "output": counted.output,
            "cached": counted.cached,
            "cache_write": counted.cache_write,
            "reasoning": counted.reasoning,
        },
    }
