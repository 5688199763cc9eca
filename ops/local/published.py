"""What the local stack says against a document that is published while it runs: its providers are the simulated ones then, too."""

from collections.abc import Callable, Mapping
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
    kept = fitting(text, live["overrides"])
    if said is None:
        return kept | _of(text, _is_new(live))
    by_hand = {name.removeprefix(PREFIX): value for name, value in said.items()}  # by which it is told from ours
    found = {name: value for name, value in kept.items() if _ours(name)} | _of(text, _is_new(live, again=True))
    return {name: value for name, value in found.items() if name.removeprefix(PREFIX) not in by_hand} | by_hand


def _ours(name: str) -> bool:
    return name.startswith(PROVIDERS) and name.endswith(OURS)


def _is_new(live: Mapping[str, Any], *, again: bool = False) -> Callable[[str], bool]:
    """Of a provider: the live document does not know it, or (`again`) it was addressed by hand. Any other keeps what it has."""
    try:
        known = {prefix_of(name) for name in parse(live["document"])[0].providers}
    except InvalidDocument:
        known = set()
    by_hand = {prefix for prefix in known if any((PREFIX + name).startswith(prefix) for name in live["overrides"])} if again else set()
    return lambda name: prefix_of(name) not in known or prefix_of(name) in by_hand


def _of(text: str, wanted: Callable[[str], bool]) -> dict[str, str]:
    here = settings.from_environment()
    sim_url = instance.running(here.home).get("simulators", "")
    try:
        rows = parse(text)[0].providers
    except InvalidDocument:
        return {}
    found: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    for provider in (resolved(name, row) for name, row in rows.items() if wanted(name)):
        upstream = upstream_of(provider, here.environment, sim_url)
        found |= overrides_of(provider, upstream)
        keys |= keys_of(provider, upstream, stages.outputs(stages.LOCAL)["ProviderSecrets"])
    if keys:
        put_provider_keys(stages.client(stages.LOCAL, "secretsmanager"), keys)
    return found
