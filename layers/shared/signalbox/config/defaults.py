"""What a provider and its models leave unsaid in the document, from the rows of `providers.rows`."""

from ..providers.rows import PLAIN, ROWS, Row
from ..routing.catalog import Provider as Resolved
from .document import Document
from .rows import Model, Provider

WITHOUT_KEYS = frozenset({"none", "sigv4"})


def kind_of(name: str, provider: Provider) -> str:
    """Its row's name; empty for what is known by its address alone."""
    return provider.kind or (name if name in ROWS else "")


def row_of(name: str, provider: Provider) -> Row:
    return ROWS.get(kind_of(name, provider), PLAIN)


def resolved(name: str, provider: Provider) -> Resolved:
    """Its address is empty where nobody has said one, and keeps its `{braces}` where an option for them is missing."""
    row = row_of(name, provider)
    return Resolved(
        name=name,
        wire=provider.wire or row.wire,
        base_url=_filled(provider.base_url or row.base_url, provider),
        secret=provider.secret if "secret" in provider.model_fields_set else _secret(name, provider, row),
        kind=kind_of(name, provider),
        auth=provider.auth or row.auth,
        on_leave=provider.on_leave or row.on_leave,
        options=dict(provider.options),
    )


def wire_of(model: Model, document: Document, provider: str) -> str | None:
    """None for embeddings at a provider that is not known to have any."""
    given = document.providers[provider]
    if model.wire or not model.embeds:
        return model.wire or resolved(provider, given).wire
    plain = "openai_embeddings" if not kind_of(provider, given) else None
    return row_of(provider, given).embeddings or plain


def _secret(name: str, provider: Provider, row: Row) -> str | None:
    keyed = row.keyed if provider.auth is None else provider.auth not in WITHOUT_KEYS
    return name if keyed else None


def _filled(base_url: str, provider: Provider) -> str:
    for option, value in provider.options.items():
        base_url = base_url.replace(f"{{{option}}}", value)
    return base_url
