"""Gemini, at Google AI Studio and at Vertex AI. https://ai.google.dev/api/generate-content

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

from typing import Any
from urllib.parse import quote

from ...request import Image, Request, Tool, ToolChoice
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats import data_url
from ..formats.written import STREAMED, WHOLE, to_bytes
from .answer import from_body, to_chunks
from .contents import BEFORE_3, to_contents
from .thinking import to_thinking

CARRIES = frozenset({"top_k", "seed", "n", "frequency_penalty", "presence_penalty", "logprobs"})
PENALISED = ("gemini-1", "gemini-2.0")  # the models that take penalties: https://discuss.ai.google.dev/t/94446
MOST_STOPS = 5  # https://ai.google.dev/api/generate-content#generationconfig

# https://ai.google.dev/api/caching#FunctionCallingConfig
MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    streamed = "streaming" in target.capabilities
    url = f"{models(provider)}/{quote(target.model, safe='')}:{'streamGenerateContent?alt=sse' if streamed else 'generateContent'}"
    return HttpRequest("POST", url, STREAMED if streamed else WHOLE, to_bytes(to_body(request, target, provider, max_tokens)))


def models(provider: Provider) -> str:
    """Where the models are: on Vertex those of Google's among other publishers'."""
    return f"{provider.base_url}{'/publishers/google' if _on_vertex(provider) else ''}/models"


def _on_vertex(provider: Provider) -> bool:
    return provider.kind == "vertex" or "/projects/" in provider.base_url


def to_body(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> dict[str, Any]:
    system, contents = to_contents(request, target.model, identified=not _on_vertex(provider))
    if not contents:  # it answers nobody who says nothing, and some clients say all in the system's name
        system, contents = [], [{"role": "user", "parts": system}]
    choice = request.tool_choice
    body: dict[str, Any] = {
        "contents": contents,
        "systemInstruction": {"parts": system} if system else None,
        "generationConfig": to_generation_config(request, target, max_tokens) or None,
        "tools": to_tools(request) or None,
        "toolConfig": to_tool_config(choice) if isinstance(choice, ToolChoice) and request.tools else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def to_generation_config(request: Request, target: Target, max_tokens: int | None) -> dict[str, Any]:
    """A model that cannot think is told nothing of it: that would be an error."""
    form, thinking = request.response_format, request.thinking if "reasoning" in target.capabilities else None
    config: dict[str, Any] = {
        "maxOutputTokens": max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "candidateCount": request.n if request.n > 1 else None,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "responseLogprobs": None if request.logprobs is None else True,
        "logprobs": request.logprobs or None,
        "responseMimeType": form and "application/json",
        "responseJsonSchema": (form and form.schema) or None,
        "thinkingConfig": (thinking and to_thinking(thinking, target.model)) or None,
    }
    return {name: value for name, value in config.items() if value is not None}


def to_tools(request: Request) -> list[dict[str, Any]]:
    """https://ai.google.dev/api/caching#FunctionDeclaration"""
    declared = [
        {
            name: value
            for name, value in (("name", tool.name), ("description", tool.description), ("parametersJsonSchema", tool.parameters))
            if value
        }
        for tool in request.tools
        if isinstance(tool, Tool)
    ]
    return [{"functionDeclarations": declared}] if declared else []


def to_tool_config(choice: ToolChoice) -> dict[str, Any]:
    named = {"allowedFunctionNames": [choice.name]} if choice.mode == "tool" else {}
    return {"functionCallingConfig": {"mode": MODES[choice.mode]} | named}


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    if len(request.stop) > MOST_STOPS:
        return "stop", f"it takes {MOST_STOPS} at the most"
    if (request.frequency_penalty or request.presence_penalty) and not _on_vertex(provider) and not target.model.startswith(PENALISED):
        name = "frequency_penalty" if request.frequency_penalty else "presence_penalty"
        return name, "no model since Gemini 2.5 takes penalties"
    if request.response_format and request.tools and target.model.startswith(BEFORE_3):
        return "response_format", "before Gemini 3 a model calls tools or answers in JSON, not both"
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Image) and part.url.startswith("data:") and not data_url.of(part.url):
                return "messages", "it reads pictures in base64 or at an address, and one is neither"
    return None


WIRE = Wire(to_http, to_chunks, from_body, CARRIES, frozenset(), lacks)
