"""Bedrock's endpoint in OpenAI's format: signed as everything there is, or with an API key of Bedrock's as a bearer.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
"""

import re
from functools import partial

from ..exchange import Ask
from ..http import Request
from . import compatible
from .bedrock_checks import MODELS, check_signature
from .provider import Operation

ROW = compatible.Row(
    "bedrock",
    base="/openai/v1",
    local=True,  # who calls is known by then
    thought="reasoning_content",
    thinks=tuple(name for name, model in MODELS.items() if model.thinks == "always"),
    caches=False,
)


def read(request: Request) -> Ask:
    check_signature(request)
    return compatible.read(ROW, request)


CHAT = Operation(
    "chat",
    re.compile("/openai/v1/chat/completions"),
    read,
    partial(compatible.whole, ROW),
    partial(compatible.error, ROW),
    partial(compatible.frames, ROW),
    partial(compatible.error_event, ROW),
)
