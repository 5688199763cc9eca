"""What docs/caching.md shows and says of limits is so."""

import re
from pathlib import Path
from typing import Any

import yaml

from bench.cache import QUESTIONS, rates, workload
from ops.local.template import read
from signalbox.admission.leases import GRACE_MS
from signalbox.aws import kept, kept_claims
from signalbox.completion import asked, kept_lookup, kept_near, meant, outing
from signalbox.completion.kept_names import ASIDE_EXTRA
from signalbox.completion.kept_terms import KB, OUTSIDE, Terms
from signalbox.config.compiler import compile_text
from signalbox.config.rules import Cache, Semantic

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "caching.md").read_text()


def test_its_document_goes_live() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)]
    said = {name: {key: value for block in blocks for key, value in block.get(name, {}).items()} for name in ("routes", "policies")}
    shipped = yaml.safe_load((ROOT / "routing.yaml").read_text())
    data: dict[str, Any] = {name: row for name, row in shipped.items() if name in ("version", "providers", "models", "chains")}
    warnings = compile_text(yaml.dump(data | said, sort_keys=False)).warnings
    assert [str(warning) for warning in warnings if warning.path.startswith(("routes", "policies"))] == []


def test_every_field_is_told_with_its_limits() -> None:
    rows = dict(re.findall(r"^\| `(ttl_s|any|max_kb|semantic)` \| (.*) \|$", GUIDE, re.M))
    assert set(rows) == set(Cache.model_fields)
    most = {name: most_of(Cache.model_fields[name]) for name in ("ttl_s", "max_kb")}
    assert f"{most['ttl_s'] // 86_400} days at the most" in rows["ttl_s"]
    assert f"{Cache.model_fields['max_kb'].default} KB, {most['max_kb']} at the most" in rows["max_kb"]
    semantic = Semantic.model_fields
    assert f"({semantic['threshold'].default}; 0.5 to 1)" in GUIDE
    assert f"`most` ({semantic['most'].default}, {most_of(semantic['most'])} at the most)" in GUIDE
    assert Terms(1).most_bytes == Cache.model_fields["max_kb"].default * KB
    assert most["max_kb"] * KB == kept_claims.MOST_BYTES


def most_of(field: Any) -> int:
    return next(bound.le for bound in field.metadata if hasattr(bound, "le"))


def test_what_a_look_up_by_meaning_waits_for_and_leaves_out_is_the_codes() -> None:
    assert f"longer than {meant.MOST_TEXT_BYTES:,} bytes" in GUIDE
    assert f"cannot be had within {kept_near.PATIENCE_S:.0f} s" in GUIDE
    assert f"with the purpose `{outing.CACHE}`" in GUIDE
    assert meant.MOST_TARGETS == 2
    assert f"two are asked at the most, none whose circuit is open, and both within the same {kept_near.PATIENCE_S:.0f} s" in GUIDE


def test_the_hit_rates_are_those_of_the_workload() -> None:
    for route, questions in QUESTIONS.items():
        asked = list(workload(questions, 1_500, seed=len(route)))
        told = rates([number in set(asked[:place]) for place, number in enumerate(asked)])
        assert f"| {questions:,} | {' | '.join(f'{rate:.0%}'.replace('%', ' %') for rate in told)} |" in GUIDE
        assert told[0] > 0.3
        assert told[-1] > 0.8


def test_the_stages_parameters_for_valkey_are_named() -> None:
    parameters = read(ROOT / "template.yaml")["Parameters"]
    assert {"CacheBackend", "VpcId", "PrivateSubnetIds", "CacheMaxGb"} <= parameters.keys()
    assert f"`CacheMaxGb` ({parameters['CacheMaxGb']['Default']})" in GUIDE
    for value in parameters["CacheBackend"]["AllowedValues"]:
        assert f"CacheBackend={value}" in GUIDE


def test_what_is_left_aside_and_what_is_asked_of_others_is_named() -> None:
    plain = {name for name in ASIDE_EXTRA if not name.startswith("prompt_cache") and name != "safety_identifier"}
    assert plain <= set(re.findall(r"`(\w+)`", GUIDE))
    assert set(re.findall(r"its own tools, `(\w+)`, `(\w+)`, `(\w+)`", GUIDE)[0]) <= OUTSIDE


def test_the_times_and_lengths_are_the_codes() -> None:
    assert f"It is waited for {kept.SOON_S} s" in GUIDE
    assert f"for {kept_lookup.SILENCE_S:.0f} s this container does not ask it" in GUIDE
    assert f"1 to {asked.MOST_KEY_CHARS} printable" in GUIDE
    assert f"within {kept_claims.KEPT_S // 3600} hours" in GUIDE
    assert f"more than {kept_claims.MOST_BYTES // 1024} KB" in GUIDE
    assert GRACE_MS == 60_000
    assert "once its time is up by a minute" in GUIDE
