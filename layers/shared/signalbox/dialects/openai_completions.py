"""OpenAI's old completions, a prompt and the text after it. https://platform.openai.com/docs/api-reference/completions"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, Finish, RefusalDelta, TextDelta, Usage
from ..request import Json, Message, Request, Text
from .checks import BOOLEAN, OBJECT, STRING, STRINGS, expect, number, taken, to_object, whole_number
from .contract import Answer, Dialect
from .openai_chat import to_stop
from .openai_chat_answer import to_usage
from .openai_errors import to_error
from .written import dumped

NAME = "openai_completions"
USUAL_MAX_TOKENS = 16

FINISH_REASONS = {"stop": "stop", "length": "length", "content_filter": "content_filter"}  # there are no tools here

# What today's models cannot be asked for through a conversation: the values that ask for nothing, and what to do instead.
NOT_SERVED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "echo": ((None, False), "Put the prompt before the text yourself."),
    "suffix": ((None, ""), "Say in the prompt what is to follow."),
    "best_of": ((None, 1), "Ask for `n` and choose."),
}


def to_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises Refusal naming the parameter. What we do not know is kept in `extra`."""
    given = to_object(body)
    model = taken(given, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    prompt = to_prompt(given.pop("prompt", None))
    for name, (usual, advice) in NOT_SERVED.items():
        if (value := given.pop(name, None)) not in usual or (name == "best_of" and isinstance(value, bool)):
            raise Refusal("unsupported_parameter", f"`{name}` is not served here. {advice}", param=name)
    stream_options = taken(given, "stream_options", OBJECT) or {}
    max_tokens = taken(given, "max_tokens", whole_number(1))
    return Request(
        dialect=NAME,
        model=model,
        messages=(Message("user", (Text(prompt),)),),
        stream=bool(taken(given, "stream", BOOLEAN)),
        include_usage=bool(taken(stream_options, "include_usage", BOOLEAN, "stream_options")),
        max_tokens=USUAL_MAX_TOKENS if max_tokens is None else max_tokens,
        temperature=taken(given, "temperature", number(0, 2)),
        top_p=taken(given, "top_p", number(0, 1)),
        top_k=taken(given, "top_k", whole_number(1)),
        stop=to_stop(given.pop("stop", None)),
        seed=taken(given, "seed", whole_number()),
        n=taken(given, "n", whole_number(1, 128)) or 1,
        frequency_penalty=taken(given, "frequency_penalty", number(-2, 2)),
        presence_penalty=taken(given, "presence_penalty", number(-2, 2)),
        logprobs=taken(given, "logprobs", whole_number(0, 5)),
        user=taken(given, "user", STRING),
        extra={name: value for name, value in given.items() if value is not None},
    )


def to_prompt(prompt: Any) -> str:
    """The one text. Several, and texts as token numbers, are refused."""
    if prompt is None:
        raise Refusal("invalid_request", "`prompt` is missing. Send a string.", param="prompt")
    texts = [prompt] if isinstance(prompt, str) else prompt
    if isinstance(texts, list) and texts and not isinstance(texts[0], str):
        raise Refusal("unsupported_parameter", "`prompt` as token numbers is not served here. Send a string.", param="prompt")
    expect(texts, (STRINGS[0], "a string or an array with one string"), "prompt")
    if len(texts) > 1:
        raise Refusal("unsupported_parameter", "`prompt` with several texts is not served here. Send a request for each.", param="prompt")
    if not texts or not texts[0]:
        raise Refusal("invalid_request", "`prompt` is empty. Send the text to go on from.", param="prompt")
    return texts[0]


def to_body(answer: Answer, choices: list[Choice], tokens: Tokens) -> bytes:
    written = [_to_choice(index, choice) for index, choice in enumerate(choices)]
    return dumped(_head(answer) | {"choices": written, "usage": to_usage(tokens)})


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": f"cmpl-{answer.id}", "object": "text_completion", "created": answer.created_s, "model": answer.model}


def _to_choice(index: int, choice: Choice) -> dict[str, Any]:
    """Text is all there is: a refusal is one, and what was thought is left out."""
    return {
        "index": index,
        "text": choice.text + choice.refusal,
        "logprobs": to_logprobs(choice.logprobs)[0],
        "finish_reason": FINISH_REASONS.get(choice.finish or "stop", "stop"),
    }


def to_logprobs(tokens: Iterable[Json], offset: int = 0) -> tuple[dict[str, Any] | None, int]:
    """From those of chat completions, and where the next token begins; None where there are none. The chosen one is among the likeliest."""
    written: dict[str, Any] = {"text_offset": [], "token_logprobs": [], "tokens": [], "top_logprobs": []}
    for token in tokens:
        written["text_offset"].append(offset)
        written["token_logprobs"].append(token["logprob"])
        written["tokens"].append(token["token"])
        likely = {other["token"]: other["logprob"] for other in token.get("top_logprobs") or ()}
        written["top_logprobs"].append(likely | {token["token"]: token["logprob"]})
        offset += len(token["token"])
    return (written if written["tokens"] else None), offset


def to_events(answer: Answer, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One event a chunk, as it comes. A Refusal from `chunks` ends the stream with the error, which clients raise, and the proper end."""
    head = b'data: %b,"choices":[' % dumped(_head(answer))[:-1]
    tail = b'],"usage":null}\n\n' if answer.request.include_usage else b"]}\n\n"
    tokens = Tokens()
    offsets: dict[int, int] = {}
    try:
        for chunk in chunks:
            match chunk:
                case TextDelta(text, index, logprobs):
                    told, offsets[index] = to_logprobs(logprobs, offsets.get(index, 0))
                    yield b"%b%b%b" % (head, _delta(index, text, told), tail)
                case RefusalDelta(text, index):
                    yield b"%b%b%b" % (head, _delta(index, text), tail)
                case Finish(reason, index):
                    yield b"%b%b%b" % (head, _delta(index, "", None, FINISH_REASONS.get(reason, "stop")), tail)
                case Usage(counted):
                    tokens = counted
    except Refusal as refusal:
        yield b"data: %b\n\ndata: [DONE]\n\n" % to_error(refusal)
        return
    if answer.request.include_usage:
        yield b'%b],"usage":%b}\n\n' % (head, dumped(to_usage(tokens)))
    yield b"data: [DONE]\n\n"


def _delta(index: int, text: str, logprobs: Json = None, finish: str | None = None) -> bytes:
    return dumped({"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish})


DIALECT = Dialect(NAME, to_request, to_body, to_events, to_error)
