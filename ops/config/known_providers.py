"""Which of our providers a LiteLLM model's prefix and parameters lead to: its kind, its address, its options, and whose keys it takes."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from signalbox.config.fields import checked_url
from signalbox.config.source import Path
from signalbox.providers.rows import PLAIN, ROWS

from ..price_table import KINDS
from .foreign import CHANGED, GUESSED, LEFT, TODO, Foreign, shown

# https://docs.litellm.ai/docs/providers: their prefix, and the kind of ours; none where it speaks as OpenAI does.
PREFIXES: Mapping[str, str] = {prefix: kinds[0] for prefix, kinds in KINDS.items()} | {
    "ollama_chat": "ollama",
    "hosted_vllm": "vllm",
    "vllm": "vllm",
    "litellm_proxy": "litellm",
    **dict.fromkeys(("azure_ai", "custom_openai", "openai_like", "lm_studio", "llamafile", "xinference", "infinity"), ""),
    **dict.fromkeys(("cerebras", "nvidia_nim", "deepinfra", "sambanova", "moonshot"), ""),
}
ADDRESSES = {
    "cerebras": "https://api.cerebras.ai/v1",
    "nvidia_nim": "https://integrate.api.nvidia.com/v1",
    "deepinfra": "https://api.deepinfra.com/v1/openai",
    "sambanova": "https://api.sambanova.ai/v1",
    "moonshot": "https://api.moonshot.ai/v1",
}
# A model without a prefix, as LiteLLM knows it.
BARE = (
    (re.compile(r"gpt-|o[1-9]|chatgpt-|text-embedding-|ft:gpt"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"command|embed-(english|multilingual)"), "cohere"),
    (re.compile(r"gemini"), "vertex_ai"),
    (re.compile(r"(us|eu|apac|global)\.(anthropic|amazon|meta|deepseek)\.|(anthropic|amazon|meta|cohere|mistral|ai21)\."), "bedrock"),
)
OPTIONS = {
    "azure": {"api_version": "api_version"},
    "bedrock": {"aws_region_name": "region"},
    "vertex": {"vertex_project": "project", "vertex_location": "location"},
}
NEEDED = {"bedrock": {"region": "us-east-1"}, "vertex": {"project": "your-project", "location": "us-central1"}}
NO_KEY = frozenset(
    {"", "none", "null", "empty", "dummy", "fake", "fake-key", "not-needed", "not-used", "anything", "no-key", "ollama", "na"}
)
ENVIRONMENT = "os.environ/"
OTHERS_AT_VERTEX = re.compile(r"claude|meta/|mistral|codestral|jamba|deepseek|qwen|openai/|[a-z]+-?ai/")
AZURE = re.compile(r"https://([A-Za-z0-9-]+)\.openai\.azure\.com/?(openai/?)?$")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Provider(NamedTuple):
    """What makes one provider of ours, apart from its name. `key` is what its keys are told from others by, and is shown to nobody."""

    kind: str
    base_url: str | None
    options: tuple[tuple[str, str], ...]
    key: str | None

    def row(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = {}
        if self.kind and self.kind != name:
            row["kind"] = self.kind
        if self.base_url:
            row["base_url"] = self.base_url
        keyed = (ROWS.get(self.kind) or PLAIN).keyed
        if self.key is not None and not keyed and self.kind != "bedrock":
            row["auth"] = "bearer"
        if self.key is None and keyed:
            row["secret"] = None
        return row | ({"options": dict(self.options)} if self.options else {})


def split(model: str, provider: str | None) -> tuple[str, str] | None:
    """(prefix, model) as LiteLLM would read it; None where it is none that is known."""
    prefix, slash, rest = model.partition("/")
    if provider:
        return (provider, rest if slash and prefix == provider else model) if provider in PREFIXES else None
    if slash and prefix in PREFIXES and rest:
        return prefix, rest
    bare = next((known for pattern, known in BARE if pattern.match(model)), None) if not slash else None
    return (bare, model) if bare else None


def to_provider(foreign: Foreign, path: Path, params: Mapping[str, Any], prefix: str, model: str) -> tuple[Provider, str] | None:
    """With what the provider calls the model; None, and listed, where nobody can say its address."""
    kind = PREFIXES[prefix]
    options = dict(NEEDED.get(kind, {}))
    for theirs, ours in OPTIONS.get(kind, {}).items():
        if theirs in params:
            foreign.carried((*path, theirs))
            options |= {ours: value} if (value := resolved(foreign, (*path, theirs), params[theirs], ours)) else {}
    if kind == "vertex" and OTHERS_AT_VERTEX.match(model):
        foreign.leave((*path, "model"), "only Google's own models are called at Vertex AI here: ask its provider, or Bedrock, for it")
        return None
    if kind == "bedrock":
        model, options = _of_bedrock(model, options)
    if kind in NEEDED and options.items() & NEEDED[kind].items() - {("region", params.get("aws_region_name"))}:
        assumed = ", ".join(f"{name} {value}" for name, value in options.items() if NEEDED[kind].get(name) == value)
        if not all(theirs in params for theirs in OPTIONS[kind]):
            foreign.find((*path, "model"), GUESSED, f"its {assumed}: write yours under the provider's options")
    base_url = _address(foreign, path, params, prefix, kind, options)
    if not kind and not base_url:
        foreign.leave((*path, "model"), f"{prefix} needs an api_base here: add the provider by its base_url")
        return None
    custom = prefix == "openai" and base_url is not None
    keyed = (ROWS.get(kind) or PLAIN).keyed
    key = _key(foreign, path, params, keyed and not (custom and "api_key" not in params))
    return Provider("" if custom else kind, base_url, tuple(sorted(options.items())), key), model


def resolved(foreign: Foreign, path: Path, value: Any, what: str) -> str | None:
    """What an environment variable stands for, where it is set here; listed where it is not."""
    text = str(value) if value is not None else ""
    if not text.startswith(ENVIRONMENT):
        return text or None
    name = text.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        foreign.find(path, TODO, f"write the {what} that {shown(name)} stands for: it is not set here")
        return None
    foreign.find(path, CHANGED, f"written as {shown(name)} has it here")
    return os.environ[name]


def _address(foreign: Foreign, path: Path, params: Mapping[str, Any], prefix: str, kind: str, options: dict[str, str]) -> str | None:
    where = next(((*path, name) for name in ("api_base", "base_url") if params.get(name)), None)
    if where is None:
        if kind == "azure":
            foreign.find((*path, "model"), TODO, "write the resource's name: providers, its base_url (https://NAME.openai.azure.com)")
            return "https://your-resource.invalid"
        return ADDRESSES.get(prefix)
    foreign.carried(where)
    text = resolved(foreign, where, params[str(where[-1])], "address")
    if text is None:
        return "https://your-address.invalid"
    if kind == "azure" and (found := AZURE.match(text)):
        options["resource"] = found[1]
        return None
    url = _checked(foreign, where, text)
    return None if kind and url == ROWS[kind].base_url else url


def _checked(foreign: Foreign, path: Path, text: str) -> str:
    try:
        return checked_url(text)
    except ValueError:
        pass
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or not re.fullmatch(r"[A-Za-z0-9.:-]+", host):
        foreign.find(path, TODO, "write its address: what stands there is none")
        return "https://your-address.invalid"
    url = f"https://{host}{parts.path}".rstrip("/")
    foreign.find(
        path, CHANGED, f"written as {shown(url)}: prompts and keys go over https alone, and an address holds no credentials or query"
    )
    return url


def _key(foreign: Foreign, path: Path, params: Mapping[str, Any], needed: bool) -> str | None:
    """None where it asks for none."""
    where = (*path, "api_key")
    if "api_key" not in params:
        return "" if needed else None
    text = str(params["api_key"] or "")
    foreign.carried(where)
    if text.lower() in NO_KEY:
        if needed:
            foreign.find(where, CHANGED, "says that no key is asked for: secret: null")
        return None
    if not text.startswith(ENVIRONMENT):
        foreign.find(where, LEFT, "a key stands in the file. It is neither written nor shown; take it out of there, and have it replaced")
    return text


def _of_bedrock(model: str, options: dict[str, str]) -> tuple[str, dict[str, str]]:
    """bedrock/converse/MODEL, bedrock/REGION/MODEL."""
    parts = model.split("/")
    while len(parts) > 1 and (parts[0] in ("converse", "invoke", "converse_like") or REGION.fullmatch(parts[0])):
        if REGION.fullmatch(parts[0]):
            options = options | {"region": parts[0]}
        parts = parts[1:]
    return "/".join(parts), options
