"""Embeddings in OpenAI's format, which others took over: one text or several, or tokens, and their vectors.

https://platform.openai.com/docs/api-reference/embeddings
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..embeddings import in_base64, vector
from ..exchange import Answer, Ask, Rejected, Stamp
from ..http import Request
from ..prices import ANY
from ..tokens import split
from .openai_parameters import check_choice, check_type, refused
from .provider import Operation
from .wire import dumped, parsed

Json = dict[str, Any]


class Embedder(NamedTuple):
    """`shortens` says whether fewer dimensions may be asked for."""

    dimensions: int
    shortens: bool = False
    most_tokens: int = 8192


ANY_EMBEDDER = Embedder(256, True, 1_000_000)  # of whatever begins with sim-
MOST_INPUTS = 2048
PARAMETERS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "input": ((str, list), "one of a string or array"),
    "encoding_format": ((str,), "a string"),
    "dimensions": ((int,), "an integer"),
    "user": ((str,), "a string"),
}
FORMATS = ("float", "base64")


def usage(tokens: int) -> Json:
    return {"prompt_tokens": tokens, "total_tokens": tokens}


def inputs(given: Any) -> list[str]:
    """Each input as text; tokens are what they are numbered."""
    if isinstance(given, str):
        return [given]
    if given and all(type(token) is int for token in given):
        return [_tokens_as_text(given)]
    return [one if isinstance(one, str) else _tokens_as_text(one) for one in given]


def _tokens_as_text(tokens: list[int]) -> str:
    if not all(type(token) is int for token in tokens):
        raise refused("Invalid 'input': expected strings, or arrays of integers.", "input", "invalid_type")
    return " ".join(f"{token % 10_000}" for token in tokens)


def checked_embedding(body: Json | None, embedders: Mapping[str, Embedder], named: str | None = None, lax: bool = True) -> Ask:
    """Rejected, in OpenAI's words."""
    if body is None:
        raise refused("We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.")
    body = body | ({"model": named} if named is not None else {})
    for name in ("model", "input"):
        if name not in body:
            raise refused(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name, value in body.items():
        if name in PARAMETERS:
            check_type(name, value, *PARAMETERS[name])
        elif not lax:
            raise refused(f"Unrecognized request argument supplied: {name}")
    model = _embedder(body["model"], embedders)
    check_choice("encoding_format", body.get("encoding_format", "float"), FORMATS)
    _check_dimensions(body, model)
    texts = inputs(body["input"])
    if not texts or "" in texts or len(texts) > MOST_INPUTS:
        told = f"Invalid 'input': expected 1 to {MOST_INPUTS} inputs, and none of them empty."
        raise refused(told, "input", "invalid_value")
    tokens = [split(text) for text in texts]
    if (longest := max(map(len, tokens))) > model.most_tokens:
        told = f"This model's maximum context length is {model.most_tokens} tokens, however you requested {longest} tokens."
        raise refused(told, "input", "context_length_exceeded")
    return Ask(body["model"], "", tuple(token for text in tokens for token in text), writes=False, body=body)


def _embedder(name: str, embedders: Mapping[str, Embedder]) -> Embedder:
    if name not in embedders and ANY not in embedders and not name.startswith("sim-"):
        raise refused(f"The model `{name}` does not exist or you do not have access to it.", "model", "model_not_found", 404)
    return embedder(embedders, name)


def embedder(embedders: Mapping[str, Embedder], name: str) -> Embedder:
    return embedders.get(name) or embedders.get(ANY, ANY_EMBEDDER)


def _check_dimensions(body: Json, model: Embedder) -> None:
    asked = body.get("dimensions", model.dimensions)
    if asked != model.dimensions and not model.shortens:
        raise refused("This model does not support specifying dimensions.", "dimensions", "unsupported_parameter")
    if not 1 <= asked <= model.dimensions:
        told = f"Invalid value for 'dimensions' = {asked}. Must be between 1 and {model.dimensions}."
        raise refused(told, "dimensions", "invalid_value")


def whole(embedders: Mapping[str, Embedder], ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    body = ask.body
    dimensions = body.get("dimensions") or embedder(embedders, ask.model).dimensions
    made: list[Any] = [vector(ask.model, text, dimensions) for text in inputs(body["input"])]
    if body.get("encoding_format") == "base64":
        made = [in_base64(numbers) for numbers in made]
    data = [{"object": "embedding", "index": index, "embedding": numbers} for index, numbers in enumerate(made)]
    return dumped({"object": "list", "data": data, "model": ask.model, "usage": usage(answer.tokens.input)})


def embeddings(
    path: re.Pattern[str],
    embedders: Mapping[str, Embedder],
    check_key: Callable[[Request], None],
    error: Callable[[int], tuple[str, bytes]],
    in_own_words: Callable[[Rejected], Rejected] = lambda rejected: rejected,
    named: str | None = None,
    lax: bool = True,
) -> Operation:
    """`named` is the part of the path that names the model, if one does."""

    def read(request: Request) -> Ask:
        check_key(request)
        try:
            return checked_embedding(parsed(request.body), embedders, request.named[named] if named else None, lax)
        except Rejected as rejected:
            raise in_own_words(rejected) from None

    return Operation("embeddings", path, read, partial(whole, embedders), error)
