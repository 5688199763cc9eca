"""Those who took OpenAI's chat completions over, one row each: only what is not as OpenAI does it."""

from collections.abc import Mapping
from typing import Any

from ..bill import cost_nanousd, prices_of
from ..exchange import Answer, Ask, Choice, Stamp, Tokens
from ..prices import ANY, SIM, USD
from .compatible import Json, Row, Told, detailed_usage, openai_error, plain_usage
from .openai_embeddings import Embedder
from .wire import event, mark, named_event

# Errors


def groq_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"error": {"message": message, "type": kind} | ({"code": code} if code else {})}


def cohere_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"id": mark(message, length=32), "message": message}


def together_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"id": mark(message, length=16)} | openai_error(status, kind, code, message, param)


def fireworks_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"error": {"object": "error", "type": kind, "code": code or kind, "message": message}}


def openrouter_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"error": {"message": message, "code": status}, "user_id": "user_sim"}


def openrouter_event(error: Json) -> bytes:
    """In the middle of a stream the error is beside a choice that ends with it."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
    head = {"id": "gen-" + mark("error"), "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "", "provider": "OpenAI"}
    return event(head | {"error": error["error"], "choices": [choice]})


def xai_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    said = {401: "unauthenticated", 403: "permission-denied", 404: "not-found", 429: "resource-exhausted"}
    usual = "invalid-argument" if status < 500 else "unavailable"
    return {"code": said.get(status, usual), "error": message}


VLLM_KINDS = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "TooManyRequestsError"}


def vllm_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    usual = "InternalServerError" if status >= 500 else "BadRequestError"
    return {"error": {"message": message, "type": VLLM_KINDS.get(status, usual), "param": param, "code": status}}


LLAMA_CPP_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 503: "unavailable_error"}


def llama_cpp_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    usual = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"code": status, "message": message, "type": LLAMA_CPP_KINDS.get(status, usual)}}


def litellm_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    """What is nothing is the word None."""
    names = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}
    name = names.get(status, "InternalServerError" if status >= 500 else "BadRequestError")
    kind = {401: "auth_error", 429: "throttling_error"}.get(status, kind)
    return {"error": {"message": f"litellm.{name}: {message}", "type": str(kind), "param": str(param), "code": str(status)}}


DEEPSEEK_ERRORS: Mapping[int, Told] = {
    401: ("authentication_error", "invalid_request_error", "Authentication Fails, Your api key: ****sim is invalid"),
    402: ("unknown_error", "invalid_request_error", "Insufficient Balance"),
    422: ("invalid_request_error", "invalid_request_error", "Failed to deserialize the JSON body into the target type"),
}
GROQ_ERRORS: Mapping[int, Told] = {
    429: ("tokens", "rate_limit_exceeded", "Rate limit reached for model in organization org_sim on tokens per minute (TPM)."),
    498: ("flex_capacity_exceeded", "flex_capacity_exceeded", "Flex capacity exceeded"),
    503: ("internal_server_error", "service_unavailable", "Service Unavailable"),
}
FIREWORKS_ERRORS: Mapping[int, Told] = {
    401: ("invalid_request_error", "UNAUTHORIZED", "The API key you provided is invalid."),
    404: ("invalid_request_error", "NOT_FOUND", "Model not found, inaccessible, and/or not deployed"),
    429: ("rate_limit_exceeded", "RATE_LIMITED", "Request rate limit exceeded"),
}
OPENROUTER_ERRORS: Mapping[int, Told] = {
    401: (None, None, "No cookie auth credentials found"),
    402: (None, None, "Insufficient credits"),
    429: (None, None, "Rate limit exceeded: free-models-per-min"),
    502: (None, None, "Provider returned error"),
}

# Usage


def groq_usage(ask: Ask, tokens: Tokens) -> Json:
    times = {"queue_time": 0.02, "prompt_time": 0.001 * tokens.input, "completion_time": 0.003 * tokens.output}
    return times | plain_usage(ask, tokens) | {"total_time": times["prompt_time"] + times["completion_time"]}


def deepseek_usage(ask: Ask, tokens: Tokens) -> Json:
    hit = {"prompt_cache_hit_tokens": tokens.cached, "prompt_cache_miss_tokens": tokens.input - tokens.cached}
    return detailed_usage(ask, tokens) | hit


def fireworks_usage(ask: Ask, tokens: Tokens) -> Json:
    return plain_usage(ask, tokens) | {"prompt_tokens_details": {"cached_tokens": tokens.cached}}


def openrouter_usage(ask: Ask, tokens: Tokens) -> Json:
    cost = cost_nanousd(tokens, prices_of("openrouter", ask.model) or SIM) / USD
    costs = {"cost": cost, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
    return detailed_usage(ask, tokens) | costs


def xai_usage(ask: Ask, tokens: Tokens) -> Json:
    """Reasoning is beside the completion here, not in it; only the total has both."""
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output - tokens.reasoning,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"text_tokens": tokens.input, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": tokens.cached},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
    }


def vllm_usage(ask: Ask, tokens: Tokens) -> Json:
    return plain_usage(ask, tokens) | {"prompt_tokens_details": None}


# What is said beside


def x_groq(ask: Ask, answer: Answer, stamp: Stamp) -> Mapping[str, Any]:
    return {"x_groq": {"id": "req_" + mark(stamp.seed, "x_groq", length=26)}}


def x_groq_usage(ask: Ask, answer: Answer, stamp: Stamp) -> Mapping[str, Any]:
    said: Json = dict(x_groq(ask, answer, stamp)["x_groq"])
    return {"x_groq": said | ({"usage": groq_usage(ask, answer.tokens)} if ask.stream else {})}


def timings(ask: Ask, answer: Answer, stamp: Stamp) -> Mapping[str, Any]:
    """https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
    told: Json = {"cache_n": 0}
    for name, count, each_ms in (("prompt", answer.tokens.input, 0.5), ("predicted", answer.tokens.output, 20.0)):
        speed = {f"{name}_per_token_ms": each_ms, f"{name}_per_second": 1000 / each_ms}
        told |= {f"{name}_n": count, f"{name}_ms": count * each_ms, **speed}
    return {"timings": told}


def together_choice(choice: Choice) -> Mapping[str, Any]:
    """`eos` where the model ended by itself, `stop` at a stop sequence."""
    ended = choice.finish == "stop" and choice.stopped_by is None
    return {"seed": 42} | ({"finish_reason": "eos"} if ended else {})


def vllm_choice(choice: Choice) -> Mapping[str, Any]:
    return {"stop_reason": choice.stopped_by, "token_ids": None}


def openrouter_choice(choice: Choice) -> Mapping[str, Any]:
    return {"native_finish_reason": {"length": "max_output_tokens"}.get(choice.finish, "completed")}


def openrouter_body(body: Json) -> Json:
    """`reasoning` is an object there: https://openrouter.ai/docs/use-cases/reasoning-tokens"""
    asked = body.get("reasoning")
    return body | {"reasoning_effort": asked["effort"]} if isinstance(asked, dict) and "effort" in asked else body


# https://docs.fireworks.ai/api-reference/post-chatcompletions (beside OpenAI's)
FIREWORKS_OWN = ("top_k", "min_p", "typical_p", "repetition_penalty", "mirostat_target", "mirostat_lr", "ignore_eos", "prompt_truncate_len")


def fireworks_body(body: Json) -> Json:
    return {name: value for name, value in body.items() if name not in FIREWORKS_OWN}


def litellm_headers(ask: Ask, answer: Answer) -> Mapping[str, str]:
    cost = cost_nanousd(answer.tokens, prices_of("litellm", ask.model) or SIM)
    return {"x-litellm-model-id": mark(ask.model), "x-litellm-version": "1.80.0"} | (
        {} if ask.stream else {"x-litellm-response-cost": f"{cost / USD:.9f}"}
    )


EMPTY_CHOICE: Json = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "logprobs": None}

ROWS = (
    Row(
        "groq",
        base="/openai/v1",
        docs="https://console.groq.com/docs/openai",
        lax=False,
        refuses=frozenset({"logprobs", "top_logprobs", "logit_bias"}),
        several="refused",
        schema_alone=True,
        error=groq_error,
        errors=GROQ_ERRORS,
        error_event=lambda error: named_event("error", error),
        usage=groq_usage,
        thought="reasoning",
        head={"system_fingerprint": "fp_sim", "service_tier": "on_demand"},
        opening=x_groq,
        closing=x_groq_usage,
        closing_has_usage=True,
        caches=False,
    ),
    Row(
        "deepseek",
        docs="https://api-docs.deepseek.com/api/create-chat-completion",
        errors=DEEPSEEK_ERRORS,
        several="ignored",
        usage=deepseek_usage,
        usage_in="finish",
        thought="reasoning_content",
        thinks=("deepseek-reasoner",),
        head={"system_fingerprint": "fp_sim_prod0820_fp8_kvcache"},
        comment=b": keep-alive\n\n",
    ),
    Row(
        "cohere",
        base="/compatibility/v1",
        docs="https://docs.cohere.com/docs/compatibility-api",
        several="ignored",
        error=cohere_error,
        usage=plain_usage,
        id_prefix="",
        caches=False,
        embedders={"embed-v4.0": Embedder(1536)},
        not_found={"message": "page not found"},
    ),
    Row(
        "together",
        docs="https://docs.together.ai/reference/chat-completions-1",
        error=together_error,
        usage=plain_usage,
        usage_in="finish",
        thought="reasoning",
        id_prefix="",
        chosen=together_choice,
        caches=False,
        embedders={"intfloat/multilingual-e5-large-instruct": Embedder(1024)},
    ),
    Row(
        "fireworks",
        base="/inference/v1",
        docs="https://docs.fireworks.ai/api-reference/post-chatcompletions",
        lax=False,
        reads=fireworks_body,
        error=fireworks_error,
        errors=FIREWORKS_ERRORS,
        usage=fireworks_usage,
        usage_in="finish",
        thought="reasoning_content",
        id_prefix="",
        embedders={"nomic-ai/nomic-embed-text-v1.5": Embedder(768, True)},
    ),
    Row(
        "openrouter",
        base="/api/v1",
        docs="https://openrouter.ai/docs/api-reference/overview",
        error=openrouter_error,
        errors=OPENROUTER_ERRORS,
        error_event=openrouter_event,
        usage=openrouter_usage,
        usage_in="always",
        usage_choices=(EMPTY_CHOICE | {"native_finish_reason": None},),
        thought="reasoning",
        id_prefix="gen-",
        head={"provider": "OpenAI"},
        chosen=openrouter_choice,
        reads=openrouter_body,
        comment=b": OPENROUTER PROCESSING\n\n" * 2,
        embedders={"openai/text-embedding-3-small": Embedder(1536, True)},
    ),
    Row(
        "xai",
        docs="https://docs.x.ai/docs/api-reference",
        refuses=frozenset({"presence_penalty", "frequency_penalty", "stop"}),
        refused_by={"grok-4": frozenset({"reasoning_effort"})},
        refusal="Argument not supported on this model: {}",
        error=xai_error,
        usage=xai_usage,
        usage_in="always",
        thinks=("grok-4", "grok-4.3"),
        id_prefix="",
        head={"system_fingerprint": "fp_sim"},
    ),
    Row(
        "vllm",
        docs="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        local=True,
        error=vllm_error,
        error_event=lambda error: event(error) + b"data: [DONE]\n\n",
        usage=vllm_usage,
        thought="reasoning",
        finish_with_text=True,
        chosen=vllm_choice,
        caches=False,
        embedders={ANY: Embedder(1024)},
        not_found={"detail": "Not Found"},
    ),
    Row(
        "llama_cpp",
        docs="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        local=True,
        error=llama_cpp_error,
        errors={503: (None, None, "Loading model")},
        usage=plain_usage,
        thought="reasoning_content",
        head={"system_fingerprint": "b6999-sim"},
        closing=timings,
        caches=False,
        embedders={ANY: Embedder(384)},
        not_found={"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
    ),
    Row(
        "llama_cpp_python",
        docs="https://llama-cpp-python.readthedocs.io/en/latest/server/",
        local=True,
        refusal_status=500,
        errors={500: ("internal_server_error", None, "Internal Server Error")},
        several="ignored",
        usage=plain_usage,
        usage_in="never",
        caches=False,
        embedders={ANY: Embedder(384)},
        not_found={"detail": "Not Found"},
    ),
    Row(
        "litellm",
        docs="https://docs.litellm.ai/docs/proxy/user_keys",
        error=litellm_error,
        usage=detailed_usage,
        usage_choices=(EMPTY_CHOICE | {"delta": {}},),
        head={"system_fingerprint": "fp_sim"},
        headers=litellm_headers,
        embedders={"text-embedding-3-small": Embedder(1536, True)},
        not_found={"detail": "Not Found"},
    ),
)
