"""What an answer is made of, as Responses write it: reasoning, messages and calls, each an item with an id of its own.

A message is one run of text. Several may stand in an answer, so what counts the answer's characters is shared out among them here.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..reply import Choice, Citation
from ..request import Json, Reasoning, Signature, Text, ToolCall
from .openai_responses_input import FAMILY, REDACTED
from .signatures import pack

Item = dict[str, Any]

# Finish reasons by what they leave unfinished.
UNFINISHED = {"length": "max_output_tokens", "content_filter": "content_filter"}


def own_id(prefix: str, answer_id: str, index: int = -1) -> str:
    """`prefix` says what it is of; an item's place makes it one of its own."""
    return f"{prefix}_{answer_id.removeprefix('req_')}" + (f"_{index}" if index >= 0 else "")


def to_items(answer_id: str, choice: Choice) -> list[Item]:
    """In the order in which they came; what was refused comes last."""
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    annotations = iter(shared_out(choice.citations, [len(text) for text in texts]))
    logprobs = iter(logprobs_shared_out(choice.logprobs, texts))
    items: list[Item] = []
    for part in choice.parts:
        index = len(items)
        match part:
            case Text(text):
                content = text_part(text, next(annotations), next(logprobs))
                items.append(message(own_id("msg", answer_id, index), [content]))
            case Reasoning():
                items.append(reasoning(reasoning_id(part, answer_id, index), part))
            case ToolCall():
                items.append(call(own_id("fc", answer_id, index), part.id or own_id("call", answer_id, index), part))
    if choice.refusal:
        items.append(message(own_id("msg", answer_id, len(items)), [refusal_part(choice.refusal)]))
    if choice.finish in UNFINISHED and items and not items[-1].get("encrypted_content"):  # what is signed was whole
        items[-1]["status"] = "incomplete"
    return items


def message(id: str, content: list[Item], status: str = "completed") -> Item:
    return {"id": id, "type": "message", "status": status, "role": "assistant", "phase": None, "content": content}


def text_part(text: str, annotations: list[Item], logprobs: list[Item]) -> Item:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}


def refusal_part(text: str) -> Item:
    return {"type": "refusal", "refusal": text}


def reasoning(id: str, part: Reasoning, status: str = "completed") -> Item:
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"id": id, "type": "reasoning", "status": status, "summary": summary, "encrypted_content": sealed(part)}


def call(id: str, call_id: str, part: ToolCall, status: str = "completed") -> Item:
    item = {"id": id, "type": "function_call", "status": status, "call_id": call_id, "name": part.name, "arguments": part.arguments}
    if part.signature:
        item["extra_content"] = {"google": {"thought_signature": pack(part.signature, "google")}}  # type: ignore[assignment]
    return item


def reasoning_id(part: Reasoning, answer_id: str, index: int) -> str:
    """OpenAI's signatures hold with their own id alone. It is the item's too where nothing of the item has been told before it came."""
    signature = part.signature
    if signature and signature.id and signature.family == FAMILY and not part.text:
        return signature.id
    return own_id("rs", answer_id, index)


def sealed(part: Reasoning) -> str | None:
    signature = part.signature
    if signature is None:
        return None
    if signature.family == FAMILY:
        return pack(signature, "" if signature.id and part.text else FAMILY)
    return pack(Signature(signature.family, signature.text, REDACTED) if part.redacted else signature, FAMILY)


def annotation(citation: Citation, before: int, length: int) -> Item:
    """Of a text of this length with so much before it. A source of nobody knows which words is one of them all."""
    start, end = citation.start, citation.end
    return {
        "type": "url_citation",
        "start_index": 0 if start is None else min(max(start - before, 0), length),
        "end_index": length if end is None else min(max(end - before, 0), length),
        "url": citation.url,
        "title": citation.title,
    }


def home_of(citation: Citation, lengths: Sequence[int]) -> int:
    """Which of the texts it is of: the one in which it begins."""
    before, last = 0, len(lengths) - 1
    for place, length in enumerate(lengths[:last]):
        before += length
        if (citation.start or 0) < before:
            return place
    return last


def shared_out(citations: Iterable[Citation], lengths: Sequence[int]) -> list[list[Item]]:
    homes: list[list[Item]] = [[] for _ in lengths]
    for citation in citations if lengths else ():
        place = home_of(citation, lengths)
        homes[place].append(annotation(citation, sum(lengths[:place]), lengths[place]))
    return homes


def logprobs_shared_out(logprobs: Sequence[Json], texts: Sequence[str]) -> list[list[Item]]:
    """Each token's to the text in which it begins."""
    homes: list[list[Item]] = [[] for _ in texts]
    place, ends, begins = 0, len(texts[0]) if texts else 0, 0
    for record in to_logprobs(logprobs) if texts else ():
        while begins >= ends and place < len(texts) - 1:
            place += 1
            ends += len(texts[place])
        homes[place].append(record)
        begins += len(record["token"])
    return homes


def to_logprobs(records: Iterable[Json]) -> Iterator[Item]:
    """Chat completions may leave out bytes and alternatives; here both are demanded."""
    for record in records:
        if isinstance(record, dict):
            yield _logprob(record) | {"top_logprobs": [_logprob(top) for top in record.get("top_logprobs") or ()]}


def _logprob(record: dict[str, Any]) -> Item:
    token = str(record.get("token") or "")
    spelt = record.get("bytes")
    return {
        "token": token,
        "logprob": record.get("logprob") or 0.0,
        "bytes": spelt if spelt is not None else list(token.encode("utf-8", "surrogatepass")),
    }


def whole(arguments: str) -> bool:
    """A JSON object that is complete: whatever came after it could not be more of it."""
    try:
        return arguments.startswith("{") and bool(json.loads(arguments) or True)
    except (ValueError, RecursionError):
        return False
