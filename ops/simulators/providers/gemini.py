"""Gemini's generateContent and streamGenerateContent, as they answer. Every chunk has the usage so far; a call comes in one piece.

https://ai.google.dev/api/generate-content  https://ai.google.dev/api/models  https://ai.google.dev/gemini-api/docs/google-search
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from ..http import Request
from .anthropic import arguments_of, in_blocks, thinking_of
from .gemini_checks import MODELS, RETRY, check_key, error_body, key_of, model_of, reader, signature
from .gemini_embeddings import BATCH, EMBED, EMBEDDERS
from .provider import Operation, Provider
from .wire import JSON_TYPE, dumped, mark

Json = dict[str, Any]

EVENT_STREAM = "text/event-stream"
END = b"\r\n\r\n"
FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token or other valid authentication credential.",
    403: "Your API key was reported as leaked. Please use another API key.",
    404: "Requested entity was not found.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry or report.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
QUOTA: Json = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaMetric": "generativelanguage.googleapis.com/generate_content_requests", "quotaId": "GenerateRequestsPerMinute"}],
}
SOURCE = {"web": {"uri": "https://example.com/signals", "title": "example.com"}}


class Shown(NamedTuple):
    """One part of the answer, and what it costs."""

    part: Json
    tokens: int = 0
    reasoning: int = 0


def usage(tokens: Tokens, output: int, thoughts: int, **more: Any) -> Json:
    """The thoughts are counted beside the candidates, and what was cached within the prompt."""
    found: Json = {"promptTokenCount": tokens.input}
    if output:
        found["candidatesTokenCount"] = output
    found["totalTokenCount"] = tokens.input + output + thoughts
    if tokens.cached:
        found["cachedContentTokenCount"] = tokens.cached
        found["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": tokens.cached}]
    found["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": tokens.input}]
    return found | ({"thoughtsTokenCount": thoughts} if thoughts else {}) | more


def _parts(ask: Ask, choice: Choice, stamp: Stamp, index: int, whole: bool) -> Iterator[Shown]:
    """What is thought, where it is shown, then text, whole or piece by piece, and each call. The first call is signed, else the end is."""
    config = ask.body.get("generationConfig", {})
    if config.get("thinkingConfig", {}).get("includeThoughts") and choice.thought:
        for piece in [Piece(thinking_of(choice), len(choice.thought))] if whole else choice.thought:
            yield Shown({"text": piece.text, "thought": True}, reasoning=piece.tokens)
    signs = bool(choice.thought)
    for call, pieces in in_blocks(choice):
        if call is None:
            for piece in [Piece("".join(each.text for each in pieces), len(pieces))] if whole else pieces:
                yield Shown({"text": piece.text}, piece.tokens)
            continue
        name, args = pieces[0].name or "", arguments_of("".join(piece.text for piece in pieces))
        given = {"name": name, "args": args}
        told = model_of(ask.model)
        named = {"id": mark(stamp.seed, index, call, length=8)} if told and told.by_level else {}
        signed = {"thoughtSignature": signature(name, args)} if signs or (told and told.signs_calls and call == 0) else {}
        signs = False
        yield Shown({"functionCall": named | given} | signed, sum(piece.tokens for piece in pieces))
    if signs and not choice.calls:
        yield Shown({"text": "", "thoughtSignature": signature("", {})})


def _ending(ask: Ask, choice: Choice) -> Json:
    """What a candidate says with its finish."""
    told: Json = {"finishReason": "SAFETY" if choice.refused else FINISHES[choice.finish]}
    text = choice.text or ""
    if text and any("googleSearch" in tool for tool in ask.body.get("tools", ())):
        segment = {"endIndex": len(text.encode()), "text": text}
        told["groundingMetadata"] = {
            "searchEntryPoint": {"renderedContent": "<div></div>"},
            "webSearchQueries": [ask.prompt[:60]],
            "groundingChunks": [SOURCE],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
        }
    return told


def _likely(ask: Ask, pieces: list[Piece]) -> Json:
    """How likely each piece of text was, and its rivals, where that is asked for."""
    config = ask.body.get("generationConfig", {})
    if not config.get("responseLogprobs") or not pieces:
        return {}
    chosen = [_candidate(piece.text, 0) for piece in pieces]
    top = [
        {"candidates": [_candidate(piece.text, rank) for rank in range(config["logprobs"])]} for piece in pieces if config.get("logprobs")
    ]
    average = sum(one["logProbability"] for one in chosen) / len(chosen)
    return {"avgLogprobs": average, "logprobsResult": {"chosenCandidates": chosen} | ({"topCandidates": top} if top else {})}


def _candidate(text: str, rank: int) -> Json:
    token = text + "?" * rank
    likely = round(-0.01 * (1 + sum(text.encode()) % 50) - rank, 2)
    return {"token": token, "tokenId": sum(token.encode()), "logProbability": likely}


def _rest(ask: Ask, stamp: Stamp) -> Json:
    return {"modelVersion": ask.model, "responseId": mark(stamp.seed, "id", length=23)}


def _blocked() -> Json:
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}


def whole(ask: Ask, answer: Answer, stamp: Stamp, **more: Any) -> bytes:
    tokens = answer.tokens
    told = {"usageMetadata": usage(tokens, tokens.output - tokens.reasoning, tokens.reasoning, **more)} | _rest(ask, stamp)
    if not answer.choices:
        return dumped(_blocked() | told)
    candidates = []
    for index, choice in enumerate(answer.choices):
        content = {"parts": [shown.part for shown in _parts(ask, choice, stamp, index, whole=True)], "role": "model"}
        likely = _likely(ask, [piece for piece in choice.pieces if piece.call is None])
        candidates.append({"content": content} | _ending(ask, choice) | {"index": index} | likely)
    return dumped({"candidates": candidates} | told)


def frames(ask: Ask, answer: Answer, stamp: Stamp, **more: Any) -> list[Frame]:
    """Server-sent events, or where they are not asked for an array that comes piece by piece."""
    made: list[Frame] = []
    for chunk, tokens, reasoning, last in _chunks(ask, answer, stamp, more):
        data = dumped(chunk | _rest(ask, stamp))
        data = b"data: " + data + END if ask.stream_type is None else (b",\r\n" if made else b"[") + data
        made.append(Frame(data, tokens, reasoning, usage=last))
    return made if ask.stream_type is None else [*made, Frame(b"\n]\n", paced=False)]


def _chunks(ask: Ask, answer: Answer, stamp: Stamp, more: Mapping[str, Any]) -> Iterator[tuple[Json, int, int, bool]]:
    """Each with the tokens it delivers and whether it is the last with usage. Thoughts that are not shown are with the first."""
    all_of_it = answer.tokens
    if not answer.choices:
        yield _blocked() | {"usageMetadata": usage(all_of_it, 0, 0, **more)}, 0, 0, True
        return
    output, thoughts = 0, 0
    shown = [(index, part) for index, choice in enumerate(answer.choices) for part in _parts(ask, choice, stamp, index, whole=False)]
    hidden = all_of_it.reasoning - sum(part.reasoning for _, part in shown)
    ends = {index: place for place, (index, _) in enumerate(shown)}
    for index in range(len(answer.choices)):
        if index not in ends:
            ends[index] = len(shown)
            shown.append((index, Shown({"text": ""})))
    for place, (index, part) in enumerate(shown):
        reasoning = part.reasoning + (0 if place else hidden)
        output, thoughts = output + part.tokens, thoughts + reasoning
        choice, last = answer.choices[index], place == len(shown) - 1
        ending = _ending(ask, choice) if ends[index] == place else {}
        likely = _likely(ask, [Piece(part.part["text"])]) if part.part.get("text") and "thought" not in part.part else {}
        candidate = {"content": {"parts": [part.part], "role": "model"}} | ending | {"index": index} | likely
        counted = {} if ask.late_usage else {"usageMetadata": usage(all_of_it, output, thoughts, **more)}
        yield {"candidates": [candidate]} | counted, part.tokens, reasoning, last and not ask.late_usage
    if ask.late_usage:
        yield {"usageMetadata": usage(all_of_it, output, thoughts, **more)}, 0, 0, True


def models(request: Request) -> bytes:
    check_key(request)
    rows: list[Json] = [
        _row(name, model.input, model.output, ["generateContent", "countTokens"]) | {"thinking": True} for name, model in MODELS.items()
    ]
    rows += [_row(name, limit, 1, ["embedContent"]) for name, (_, limit) in EMBEDDERS.items()]
    return dumped({"models": rows})


def _row(name: str, takes: int, writes: int, methods: list[str]) -> Json:
    row = {"name": f"models/{name}", "version": "001", "displayName": name, "inputTokenLimit": takes, "outputTokenLimit": writes}
    return row | {"supportedGenerationMethods": methods}


def error(status: int) -> tuple[str, bytes]:
    details = (QUOTA, RETRY) if status == 429 else ()
    return JSON_TYPE, error_body(status, MESSAGES.get(status, MESSAGES[500] if status >= 500 else MESSAGES[400]), *details)


def error_event(status: int) -> bytes:
    return b"data: " + error(status)[1] + END


def garbled(data: bytes) -> bytes:
    """Half of it; an event still ends as events do."""
    end = END if data.endswith(END) else b""
    start = data.find(b"data: ") + 1
    return data[: (start + len(data)) // 2].rstrip() + end


def not_found(request: Request) -> bytes:
    return error_body(404, "The requested URL was not found on this server.")


def generation(
    base: str,
    read_whole: Callable[[Request], Ask],
    read_stream: Callable[[Request], Ask],
    **more: Any,
) -> tuple[Operation, Operation]:
    """Both operations below a path, and what their usage says more."""
    model = base + r"/(?P<model>[^/:]+):"
    writes = (partial(whole, **more), error)
    return (
        Operation("generateContent", re.compile(f"{model}generateContent"), read_whole, *writes, garbled=garbled),
        Operation(
            "streamGenerateContent",
            re.compile(f"{model}streamGenerateContent"),
            read_stream,
            *writes,
            partial(frames, **more),
            error_event,
            stream_type=EVENT_STREAM,
            garbled=garbled,
        ),
    )


OPERATIONS = (*generation("/v1(?:beta)?/models", reader(stream=False), reader(stream=True)), EMBED, BATCH)

GEMINI = Provider("gemini", OPERATIONS, not_found, dict.fromkeys(("/v1beta/models", "/v1/models"), models), key=key_of, bad_key_status=403)
