"""What the local stack says against a document that is published while it runs: its providers are the simulated ones then, too."""

from collections.abc import Mapping
from typing import Any

from signalbox.config.defaults import resolved
from signalbox.config.document import parse
from signalbox.config.overrides import PREFIX
from signalbox.config.source import InvalidDocument, read

from .. import stages
from ..secrets import put_provider_keys
from . import instance, settings
from .seed import OURS, keys_of, overrides_of, prefix_of, upstream_of

PROVIDERS = f"{PREFIX}PROVIDERS__"


def fitting(text: str, kept: Mapping[str, str]) -> dict[str, str]:
    """Without those of providers that the document has no more; all of them where it cannot be read, which others say."""
    try:
        data = read(text).data
    except InvalidDocument:
        return dict(kept)
    rows = data.get("providers") if isinstance(data, dict) else None
    prefixes = tuple(prefix_of(str(name)) for name in rows) if isinstance(rows, dict) else ()
    return {name: value for name, value in kept.items() if name.startswith(prefixes) or not _ours(name)}


def overrides(text: str, live: Mapping[str, Any], said: Mapping[str, str] | None) -> dict[str, str]:
    """What `make run` has said of where providers are asked stays, and is said of new ones too; `said` takes the place of the rest."""
    ours = fitting(text, live["overrides"]) | _of_new_ones(text, live["document"])
    if said is None:
        return ours
    again = {name.removeprefix(PREFIX) for name in said}
    return {name: value for name, value in ours.items() if _ours(name) and name.removeprefix(PREFIX) not in again} | dict(said)


def _ours(name: str) -> bool:
    return name.startswith(PROVIDERS) and name.endswith(OURS)


def _of_new_ones(text: str, before: str) -> dict[str, str]:
    """Of the providers that the live document does not know: it knows what it has otherwise, a real one by its key."""
    here = settings.from_environment()
    sim_url = instance.running(here.home).get("simulators", "")
    try:
        known, rows = parse(before)[0].providers, parse(text)[0].providers
    except InvalidDocument:
        return {}
    found: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    for provider in (resolved(name, row) for name, row in rows.items() if name not in known):
        upstream = upstream_of(provider, here.environment, sim_url)
        found |= overrides_of(provider, upstream)
        keys |= keys_of(provider, upstream, stages.outputs(stages.LOCAL)["ProviderSecrets"])
    if keys:
        put_provider_keys(stages.client(stages.LOCAL, "secretsmanager"), keys)
    return found
