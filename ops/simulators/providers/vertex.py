"""Vertex AI: Gemini in its own format, embeddings by predict, and Claude in Anthropic's, all with a token for access.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

import re
from typing import Any

from ..embeddings import vector
from ..exchange import Answer, Ask, Stamp
from ..http import Request
from ..tokens import split
from . import anthropic, anthropic_checks, gemini_shapes
from .access_token import is_valid
from .gemini import error, generation, not_found
from .gemini_checks import body_of, reader, reason, refused
from .google_token import GOOGLE
from .provider import Operation, Provider
from .shape import OBJECT, Shape
from .wire import bearer, dumped

Json = dict[str, Any]

PUBLISHERS = r"/v1(?:beta1)?/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/publishers"
EMBEDDERS = {"text-embedding-005": (768, 250, 2048), "gemini-embedding-001": (3072, 1, 2048)}  # dimensions, texts, tokens of each
ANY_SIM = (768, 250, 1_000_000)
PREDICT = Shape(
    (dict,),
    fields={
        "instances": Shape(
            (list,),
            "list",
            least=1,
            items=Shape(
                (dict,),
                fields={"content": gemini_shapes.STRING, "title": gemini_shapes.STRING, "taskType": gemini_shapes.STRING},
                required=("content",),
            ),
        ),
        "parameters": Shape(
            (dict,), fields={"autoTruncate": gemini_shapes.BOOLEAN, "outputDimensionality": Shape((int,), "TYPE_INT32", least=1)}
        ),
        "labels": OBJECT,
    },
    required=("instances",),
)


def check_access(request: Request) -> None:
    if not is_valid(GOOGLE, bearer(request)):
        told = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication "
        raise refused(f"{told}credential.", 401, reason("ACCESS_TOKEN_TYPE_UNSUPPORTED", "aiplatform.googleapis.com"))


def _unknown(request: Request, publisher: str) -> Exception:
    named = request.named
    model = f"projects/{named['project']}/locations/{named['location']}/publishers/{publisher}/models/{named['model']}"
    return refused(f"Publisher Model `{model}` was not found or your project does not have access to it.", 404)


def read_predict(request: Request) -> Ask:
    check_access(request)
    name = request.named["model"]
    known = ANY_SIM if name.startswith("sim-") else EMBEDDERS.get(name)
    if known is None:
        raise _unknown(request, "google")
    dimensions, most_texts, most_tokens = known
    body = body_of(request, PREDICT)
    texts, parameters = [each["content"] for each in body["instances"]], body.get("parameters", {})
    if len(texts) > most_texts:
        raise refused(f"{len(texts)} instance(s) is more than the {most_texts} instance(s) that model {name} takes in one prediction.")
    if not all(texts):
        raise refused("The text content is empty.")
    if parameters.get("outputDimensionality", 1) > dimensions:
        raise refused(f"The output dimensionality must be at most {dimensions} for {name}.")
    tokens = [split(text) for text in texts]
    if parameters.get("autoTruncate") is False and max(map(len, tokens)) > most_tokens:
        told = f"the input token count is {max(map(len, tokens))} but model only supports up to {most_tokens}."
        raise refused(f"Unable to submit request because {told}")
    return Ask(name, "", tuple(token for each in tokens for token in each[:most_tokens]), writes=False, body=body)


def predictions(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    dimensions, _, most_tokens = EMBEDDERS.get(ask.model, ANY_SIM)
    size = ask.body.get("parameters", {}).get("outputDimensionality") or dimensions
    made: list[Json] = []
    for each in ask.body["instances"]:
        count = len(split(each["content"]))
        statistics = {"truncated": count > most_tokens, "token_count": min(count, most_tokens)}
        made.append({"embeddings": {"values": vector(ask.model, each["content"], size), "statistics": statistics}})
    characters = sum(len("".join(each["content"].split())) for each in ask.body["instances"])
    return dumped({"predictions": made, "metadata": {"billableCharacterCount": characters}})


def read_claude(request: Request) -> Ask:
    check_access(request)
    name = request.named["model"]
    model = anthropic_checks.model_of(name.replace("@", "-"))
    if model is None or (not name.startswith("sim-") and "@" not in name):
        raise _unknown(request, "anthropic")
    return anthropic_checks.checked_on_vertex(request, name, model)


CLAUDE = PUBLISHERS + r"/anthropic/models/(?P<model>[^/:]+):"
OPERATIONS = (
    *generation(
        PUBLISHERS + "/google/models",
        reader(False, check_access, gemini_shapes.ON_VERTEX),
        reader(True, check_access, gemini_shapes.ON_VERTEX),
        trafficType="ON_DEMAND",
    ),
    Operation("predict", re.compile(PUBLISHERS + r"/google/models/(?P<model>[^/:]+):predict"), read_predict, predictions, error),
    *(
        Operation(name, re.compile(CLAUDE + name), read_claude, anthropic.whole, error, anthropic.frames, anthropic.error_event)
        for name in ("rawPredict", "streamRawPredict")
    ),
)

VERTEX = Provider("vertex", OPERATIONS, not_found)
