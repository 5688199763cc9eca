"""OpenAI's embeddings as Azure serves them. https://learn.microsoft.com/azure/ai-foundry/openai/reference#embeddings"""

from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..formats.written import WHOLE, to_bytes
from ..openai import embeddings as openai_embeddings
from .chat import url


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body = openai_embeddings.to_body(request, target, provider)
    return HttpRequest("POST", url(target, provider, "embeddings"), WHOLE, to_bytes(body))


WIRE = openai_embeddings.WIRE._replace(to_http=to_http)
