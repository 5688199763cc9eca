"""What the models on Bedrock take beside what Converse has for all. https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html"""

import re
from functools import lru_cache
from typing import NamedTuple

from ..anthropic.models import claude


class Model(NamedTuple):
    """`claude`: it takes Claude's own fields. `top_k`: the path of that parameter. `chooses`: the choices of a tool it knows beside auto.
    `schemas`: Converse holds it to a JSON schema; others that know the choice of a tool are held to one by that. `caches`: it knows cache
    points. `effort`: the path of how much it may reason. `streams_tools`: it can call them in a stream.
    """

    claude: bool = False
    top_k: tuple[str, ...] = ()
    chooses: frozenset[str] = frozenset({"required", "tool"})
    schemas: bool = False
    caches: bool = False
    effort: tuple[str, ...] = ()
    streams_tools: bool = True


ANY_ALONE = frozenset({"required"})
NONE: frozenset[str] = frozenset()

# The first that fits an id, which may have a region before it, or stand in an ARN.
# Schemas: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
# Choices: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html
MODELS: tuple[tuple[re.Pattern[str], Model], ...] = tuple(
    (re.compile(pattern), model)
    for pattern, model in (
        (r"anthropic\.|claude", Model(claude=True, top_k=("top_k",), caches=True)),
        (r"amazon\.nova-2", Model(top_k=("inferenceConfig", "topK"), caches=True, effort=("reasoningConfig", "maxReasoningEffort"))),
        (r"amazon\.nova", Model(top_k=("inferenceConfig", "topK"), caches=True)),
        (r"meta\.llama", Model(chooses=NONE, streams_tools=False)),
        (r"cohere\.command", Model(top_k=("k",), chooses=NONE)),
        (r"deepseek\.r1", Model(chooses=NONE)),
        (r"deepseek\.v", Model(schemas=True)),
        (r"mistral\.(ministral|magistral|voxtral|mistral-large-3)", Model(chooses=ANY_ALONE, schemas=True)),
        (r"mistral\.", Model(top_k=("top_k",), chooses=ANY_ALONE)),
        (r"ai21\.|amazon\.titan", Model(chooses=NONE)),
        (r"openai\.", Model(schemas=True, effort=("reasoning_effort",))),
        (r"qwen\.|(moonshot|moonshotai|kimi)\.|minimax\.|google\.gemma|nvidia\.", Model(schemas=True)),
    )
)
UNKNOWN = Model()


@lru_cache(maxsize=256)
def model_of(id: str) -> Model:
    found = next((model for pattern, model in MODELS if pattern.search(id.lower())), UNKNOWN)
    return found._replace(schemas=claude(id).schemas) if found.claude else found
