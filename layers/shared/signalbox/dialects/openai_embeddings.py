"""OpenAI's embeddings, as clients ask for them. https://platform.openai.com/docs/api-reference/embeddings"""

import struct
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, Embedding, gather
from ..request import Request
from .checks import STRING, one_of, taken, to_object, whole_number
from .contract import Answer, Dialect
from .openai_errors import to_error
from .written import dumped

NAME = "openai_embeddings"
MOST_INPUTS = 2_048
FORM = "encoding_format"


def to_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises Refusal (invalid_request) naming the parameter. What we do not know is kept in `extra`; the form is ours to write."""
    sent = to_object(body)
    model = taken(sent, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    return Request(
        dialect=NAME,
        model=model,
        inputs=to_inputs(sent.pop("input", None)),
        dimensions=taken(sent, "dimensions", whole_number(1)),
        user=taken(sent, "user", STRING),
        given={FORM: taken(sent, FORM, one_of("float", "base64")) or "float"},
        extra={name: value for name, value in sent.items() if value is not None},
    )


def to_inputs(value: Any) -> tuple[str | tuple[int, ...], ...]:
    """A text, a text as token numbers, or several of either. None is empty."""
    inputs = [value] if isinstance(value, str) or _is_tokens(value) else value
    if not isinstance(inputs, list) or not inputs:
        raise Refusal("invalid_request", "`input` is missing or empty. Send a string, or an array of them.", param="input")
    if len(inputs) > MOST_INPUTS:
        raise Refusal("invalid_request", f"`input` must have at most {MOST_INPUTS} items.", param="input")
    if not (all(isinstance(item, str) for item in inputs) or all(_is_tokens(item) for item in inputs)):
        description = "a string, an array of strings, an array of token numbers or an array of such arrays, none of them empty"
        raise Refusal("invalid_request", f"`input` must be {description}.", param="input")
    if "" in inputs:
        raise Refusal("invalid_request", f"`input[{inputs.index('')}]` is empty. Leave it out, or send a text.", param="input")
    return tuple(item if isinstance(item, str) else tuple(item) for item in inputs)


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int and item >= 0 for item in value)


def to_body(answer: Answer, choices: list[Choice], tokens: Tokens) -> bytes:
    """A choice for each input, in their order, whose one part is the Embedding."""
    write = to_base64 if answer.request.given.get(FORM) == "base64" else list
    vectors = [part.vector for choice in choices for part in choice.parts if isinstance(part, Embedding)]
    data = [{"object": "embedding", "index": index, "embedding": write(vector)} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": tokens.input, "total_tokens": tokens.input}
    return dumped({"object": "list", "data": data, "model": answer.model, "usage": usage})


def to_base64(vector: tuple[float, ...]) -> str:
    """Of 32-bit floats, the lowest byte first."""
    return b2a_base64(struct.pack(f"<{len(vector)}f", *vector), newline=False).decode()


def to_events(answer: Answer, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """The whole body: there is no stream to ask for here."""
    choices, tokens = gather(chunks)
    yield to_body(answer, choices, tokens or Tokens())


DIALECT = Dialect(NAME, to_request, to_body, to_events, to_error)
