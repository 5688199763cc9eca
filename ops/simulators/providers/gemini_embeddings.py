"""Gemini's embedContent and batchEmbedContents.

https://ai.google.dev/api/embeddings  https://ai.google.dev/gemini-api/docs/embeddings
"""

import re
from collections.abc import Mapping
from typing import Any

from ..embeddings import vector
from ..exchange import Answer, Ask, Stamp
from ..http import Request
from ..tokens import split
from . import gemini_shapes
from .gemini_checks import RETRY, body_of, check_key, error_body, refused
from .provider import Operation
from .wire import JSON_TYPE, dumped

Json = dict[str, Any]

EMBEDDERS = {"gemini-embedding-001": (3072, 2048)}  # dimensions, and the most tokens of a text
ANY_SIM = (3072, 1_000_000)
TASKS = (
    *("TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"),
    *("QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"),
)


def embedder(name: str) -> tuple[int, int]:
    if name.startswith("sim-"):
        return ANY_SIM
    if name not in EMBEDDERS:
        raise refused(f"models/{name} is not found for API version v1beta, or is not supported for embedContent.", 404)
    return EMBEDDERS[name]


def _read(request: Request, body: Json, asked: list[Json]) -> Ask:
    name = request.named["model"]
    _, limit = embedder(name)
    tokens: list[str] = []
    for each in asked:
        if each.get("model", f"models/{name}") != f"models/{name}":
            raise refused("* BatchEmbedContentsRequest.requests: model must match the model in the BatchEmbedContentsRequest.\n")
        if each.get("taskType", TASKS[0]) not in TASKS:
            raise refused(
                f"Invalid value at 'task_type' (type.googleapis.com/google.ai.generativelanguage.v1beta.TaskType), \"{each['taskType']}\""
            )
        said = split(_text(each))
        if not said:
            raise refused("* EmbedContentRequest.content: contents is empty.\n")
        if len(said) > limit:
            raise refused(f"The input token count ({len(said)}) exceeds the maximum number of tokens allowed ({limit}).")
        tokens += said
    return Ask(name, "", tuple(tokens), writes=False, body=body)


def read(request: Request) -> Ask:
    check_key(request)
    body = body_of(request, gemini_shapes.EMBED)
    return _read(request, body, [body])


def read_batch(request: Request) -> Ask:
    check_key(request)
    body = body_of(request, gemini_shapes.EMBED_BATCH)
    return _read(request, body, body["requests"])


def _text(asked: Mapping[str, Any]) -> str:
    return "\n".join(part.get("text", "") for part in asked["content"].get("parts", ()))


def _values(ask: Ask, asked: Mapping[str, Any]) -> Json:
    return {"values": vector(ask.model, _text(asked), asked.get("outputDimensionality") or embedder(ask.model)[0])}


def _usage(answer: Answer) -> Json:
    return {"usageMetadata": {"promptTokenCount": answer.tokens.input, "totalTokenCount": answer.tokens.input}}


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    return dumped({"embedding": _values(ask, ask.body)} | _usage(answer))


def whole_batch(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    return dumped({"embeddings": [_values(ask, asked) for asked in ask.body["requests"]]} | _usage(answer))


def error(status: int) -> tuple[str, bytes]:
    return JSON_TYPE, error_body(status, "The embedding could not be made.", *((RETRY,) if status == 429 else ()))


EMBED = Operation("embedContent", re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):embedContent"), read, whole, error)
BATCH_PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):batchEmbedContents")
BATCH = Operation("batchEmbedContents", BATCH_PATH, read_batch, whole_batch, error)
