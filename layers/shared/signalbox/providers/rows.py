"""The providers we know, one row each: what they speak, where, how they are asked, and where they depart from OpenAI's chat completions.

Whatever is not here is configuration alone: an unknown `kind` is plain OpenAI at a `base_url`. Each row begins with its documentation.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NONE: Mapping[str, str] = MappingProxyType({})


class Row(NamedTuple):
    """What stands in braces in `base_url` is an option of the provider; where it is empty, only the operator can know it.

    `keyed`: it answers nobody without a key. `on_leave` is what is done with a stream whose client has left: `drain` it where all of it is
    billed or its count comes at the end alone, `estimate` what came, or `free` where nothing is billed. `embeddings`: the wire of those.

    The rest are departures. `names`: its name for a parameter (None: it refuses it, and nothing is lost without). `lacks`: the field of a
    request it cannot serve, and why; `thinkers_lack`: what its models that reason lack as well. `left_out`: of a message that is sent
    again, what it refuses. `reasoning`: the field in which it takes reasoning that is sent again; `thinking`: how it is told how much to
    reason (both: tables of openai/reasoning.py); `efforts`: its words for it. `flat`: texts go as one string. `cache`: it reads
    Anthropic's marks on parts. `short_ids`: a call's has nine characters. `signed_calls`: it may be Google, whose calls are signed.
    `asks_reasoning`: no answer may be sent again without that field. `between`: what the assistant says after a tool's result, where it
    lets nobody else speak then. `wordless`: the content of a message that has none. `counts_others`: it tells log probabilities only where
    it is told of how many others besides, even if of none.
    """

    wire: str = "openai"
    base_url: str = ""
    auth: str = "bearer"
    keyed: bool = True
    on_leave: str = "drain"
    embeddings: str | None = None
    names: Mapping[str, str | None] = MappingProxyType({})
    lacks: Mapping[str, str] = NONE
    thinkers_lack: Mapping[str, str] = NONE
    roles: Mapping[str, str] = NONE
    left_out: frozenset[str] = frozenset()
    reasoning: str | None = None
    thinking: str = "effort"
    efforts: Mapping[str, str] = NONE
    schema: str = "json_schema"  # or json_object: a schema goes beside that type
    schema_whole: bool = False  # what fits a schema is answered in one piece alone
    flat: bool = False
    cache: bool = False
    short_ids: bool = False
    between: str = ""
    signed_calls: bool = False
    asks_reasoning: bool = False
    wordless: str | None = None
    counts_others: bool = False


MAX_TOKENS: dict[str, str | None] = {"max_completion_tokens": "max_tokens"}
SYSTEM = {"developer": "system"}
OWN_ANSWERS = frozenset({"annotations", "refusal", "audio"})  # what answers of ours bring, and strict ones refuse to be sent again
NO_TOP_K = {"top_k": "it has no such parameter"}
NO_LOGIT_BIAS = {"logit_bias": "it has no such parameter"}

# On leaving: who bills by the token says nowhere that a closed stream costs nothing, and counts at its end, so it is read to that end.
# What runs on one's own machine bills nobody, and stops when its connection is closed.
ROWS: Mapping[str, Row] = {
    # https://platform.openai.com/docs/api-reference/chat
    "openai": Row(base_url="https://api.openai.com/v1", embeddings="openai_embeddings", lacks=NO_TOP_K),
    # https://learn.microsoft.com/azure/ai-foundry/openai/reference
    "azure": Row("azure", "https://{resource}.openai.azure.com", "api-key", embeddings="azure_embeddings", lacks=NO_TOP_K),
    # https://docs.mistral.ai/api/endpoint/chat (whatever it does not know is an error there)
    "mistral": Row(
        base_url="https://api.mistral.ai/v1",
        embeddings="openai_embeddings",
        names=MAX_TOKENS | {"seed": "random_seed", "stream_options": None, "user": None},
        lacks=NO_TOP_K | NO_LOGIT_BIAS | {"logprobs": "it gives no log probabilities"},
        roles=SYSTEM,
        left_out=OWN_ANSWERS | {"name", "reasoning_content", "reasoning_details"},
        reasoning="thinking",
        short_ids=True,
        between="Noted.",  # https://github.com/mistralai/mistral-common (the roles that may follow each other)
    ),
    # https://console.groq.com/docs/openai#currently-unsupported-openai-features
    "groq": Row(
        base_url="https://api.groq.com/openai/v1",
        lacks=NO_TOP_K
        | NO_LOGIT_BIAS
        | {
            "logprobs": "it gives no log probabilities",
            "n": "it gives one answer a request",
            "response_format.with_tools": "it keeps no schema beside tools",
        },
        roles=SYSTEM,
        left_out=OWN_ANSWERS | {"name"},
        reasoning="reasoning",
        efforts={"minimal": "low", "xhigh": "high"},
        schema_whole=True,  # https://console.groq.com/docs/structured-outputs
    ),
    # https://api-docs.deepseek.com/api/create-chat-completion https://api-docs.deepseek.com/guides/thinking_mode
    "deepseek": Row(
        base_url="https://api.deepseek.com/v1",
        names=MAX_TOKENS,
        lacks=NO_TOP_K
        | {"n": "it gives one answer a request", "seed": "it has none", "response_format.json_schema": "it knows JSON mode alone"},
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        reasoning="reasoning_content",
        thinking="switch",
        efforts={"minimal": "low", "medium": "high", "xhigh": "high"},
        asks_reasoning=True,
        flat=True,
    ),
    # https://docs.cohere.com/docs/compatibility-api
    "cohere": Row(
        base_url="https://api.cohere.ai/compatibility/v1",
        embeddings="openai_embeddings",
        names=MAX_TOKENS | {"user": None},
        lacks=NO_TOP_K
        | {
            "n": "it gives one answer a request",
            "parallel_tool_calls": "it cannot be held to one call at a time",
            "logprobs": "it gives none in this format",
            "tool_choice.tool": "it cannot be held to one of the tools",
        },
        left_out=OWN_ANSWERS | {"name"},
        efforts={"minimal": "none", "low": "high", "medium": "high", "xhigh": "high"},
    ),
    # https://docs.together.ai/reference/chat-completions-1
    "together": Row(
        base_url="https://api.together.xyz/v1",
        embeddings="openai_embeddings",
        names=MAX_TOKENS | {"user": None},
        lacks={"logprobs": "it gives them in a form of its own"},
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        reasoning="reasoning",
        thinking="toggle",
        efforts={"minimal": "low", "xhigh": "high"},
    ),
    # https://docs.fireworks.ai/api-reference/post-chatcompletions
    "fireworks": Row(
        base_url="https://api.fireworks.ai/inference/v1",
        embeddings="openai_embeddings",
        names=MAX_TOKENS,
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        reasoning="reasoning_content",
        efforts={"minimal": "low", "xhigh": "high"},
    ),
    # https://openrouter.ai/docs/api-reference/parameters
    "openrouter": Row(
        base_url="https://openrouter.ai/api/v1",
        embeddings="openai_embeddings",
        names=MAX_TOKENS,
        lacks={"n": "it gives one answer a request"},
        left_out=OWN_ANSWERS,
        reasoning="reasoning_details",
        thinking="openrouter",
        cache=True,
    ),
    # https://docs.x.ai/docs/api-reference#chat-completions
    "xai": Row(
        base_url="https://api.x.ai/v1",
        lacks=NO_TOP_K,
        thinkers_lack=dict.fromkeys(("stop", "frequency_penalty", "presence_penalty"), "it takes none for a model that reasons"),
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        efforts={"minimal": "low", "xhigh": "high"},
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    "vllm": Row(
        base_url="http://127.0.0.1:8001/v1",
        keyed=False,
        on_leave="free",
        embeddings="openai_embeddings",
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        reasoning="reasoning",
    ),
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    "llama_cpp": Row(
        base_url="http://127.0.0.1:8080/v1",
        keyed=False,
        on_leave="free",
        embeddings="openai_embeddings",
        names=MAX_TOKENS,
        lacks={"tool_choice.tool": "it cannot be held to one of the tools"},
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        reasoning="reasoning_content",
    ),
    # https://llama-cpp-python.readthedocs.io/en/latest/server/
    "llama_cpp_python": Row(
        base_url="http://127.0.0.1:8000/v1",
        keyed=False,
        on_leave="free",
        embeddings="openai_embeddings",
        names=MAX_TOKENS | {"stream_options": None, "reasoning_effort": None, "parallel_tool_calls": None},
        lacks={"n": "it gives one answer a request"},
        roles=SYSTEM,
        left_out=OWN_ANSWERS,
        schema="json_object",
        flat=True,
        wordless="",
        counts_others=True,
    ),
    # https://docs.litellm.ai/docs/proxy/user_keys (its usual port is our own, so no address is assumed)
    "litellm": Row(
        keyed=False,
        embeddings="openai_embeddings",
        left_out=OWN_ANSWERS,
        reasoning="thinking_blocks",
        thinking="budget",
        cache=True,
    ),
    # https://docs.perplexity.ai/api-reference/chat-completions-post
    "perplexity": Row(
        base_url="https://api.perplexity.ai",
        names=MAX_TOKENS | {"stream_options": None, "user": None},
        lacks={
            "n": "it gives one answer a request",
            "seed": "it has none",
            "logprobs": "it gives no log probabilities",
            "tools": "it has no tools but its own search",
            "response_format.json_object": "it takes JSON by a schema alone",
        },
        roles=SYSTEM,
        left_out=OWN_ANSWERS | {"name"},
        efforts={"none": "minimal", "xhigh": "high"},
    ),
    # https://docs.ollama.com/api
    "ollama": Row("ollama", "http://127.0.0.1:11434", keyed=False, on_leave="free", embeddings="ollama_embeddings"),
    # https://docs.ollama.com/cloud
    "ollama_cloud": Row("ollama", "https://ollama.com"),
    # https://docs.claude.com/en/api/messages
    "anthropic": Row("anthropic", "https://api.anthropic.com", "x-api-key"),
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
    "bedrock": Row("bedrock", "https://bedrock-runtime.{region}.amazonaws.com", "sigv4", keyed=False, embeddings="bedrock_titan"),
    # https://ai.google.dev/api/generate-content
    "gemini": Row("gemini", "https://generativelanguage.googleapis.com/v1beta", "x-goog-api-key", embeddings="gemini_embeddings"),
    # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
    "vertex": Row(
        "gemini",
        "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}",
        "google",
        embeddings="vertex_embeddings",
    ),
}
PLAIN = Row(names=MAX_TOKENS, signed_calls=True)  # some servers know the old name alone, and pass over the other in silence
