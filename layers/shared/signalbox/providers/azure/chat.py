"""OpenAI's chat completions as Azure serves them: a deployment in the address, and the version of the API beside it.

https://learn.microsoft.com/azure/ai-foundry/openai/reference. Its undated API (/openai/v1) is plain OpenAI at another `base_url`.
"""

from urllib.parse import quote

from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..formats.written import STREAMED, WHOLE, to_bytes
from ..openai import chat as openai
from ..openai.chat import to_body

API_VERSION = (
    "2024-10-21"  # the newest that is generally available. https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
)


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body = to_body(request, target, provider, max_tokens)
    return HttpRequest("POST", url(target, provider, "chat/completions"), STREAMED if "stream" in body else WHOLE, to_bytes(body))


def url(target: Target, provider: Provider, operation: str) -> str:
    version = quote(provider.options.get("api_version") or API_VERSION, safe="")
    return f"{provider.base_url}/openai/deployments/{quote(target.model, safe='')}/{operation}?api-version={version}"


WIRE = openai.WIRE._replace(to_http=to_http)
