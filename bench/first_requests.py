"""What a container's first request costs beyond any other: the dialect and the wire that it loads, and the snapshot that it reads.

Each in a process of its own, once with the bytecode of our modules at hand and once without, as Lambda's read-only /opt has none.

python -m bench.first_requests
"""

import gzip
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import Any

from signalbox.config.compiler import compile_text
from signalbox.routing.catalog import to_snapshot

from . import conversations, init_imports, translation

ROUNDS, MANY = 5, 300
PLAIN = "openai"
CHILD = """
import json, sys, time
import signalbox.runtime.loop, handler
from signalbox.data_api import dialect
from signalbox.providers.fit import lack_of
from signalbox.providers.registry import wire
from signalbox.routing.catalog import Provider, Target
name, to, kind, model = sys.argv[1:]
provider = Provider("p", to, "http://127.0.0.1:9/v1", "p", kind, options={"region": "eu-central-1"})
target = Target("p/m", "p", model, 400_000, 32_000, frozenset({"tools", "vision", "json_schema", "streaming", "reasoning"}), None, to)
body, before, began = sys.stdin.buffer.read(), set(sys.modules), time.perf_counter()
request = dialect(name).to_request(body, {})
assert lack_of(request, target, provider) is None
wire(to).to_http(request, target, provider, 800)
took = (time.perf_counter() - began) * 1000
print(json.dumps([took, sorted(set(sys.modules) - before)]))
"""


def main() -> None:
    pairs = [(name, PLAIN) for name in translation.SPOKEN] + [(translation.SPOKEN[0], to) for to in translation.WIRES if to != PLAIN]
    bodies = {name: conversations.body(name) for name in translation.SPOKEN}
    print(f"  {'first request':40} {'ms':>6} {'compiled anew':>14}   loads")
    with tempfile.TemporaryDirectory() as nothing:
        anew = {"PYTHONPYCACHEPREFIX": nothing, "PYTHONDONTWRITEBYTECODE": "1"}
        for name, to in pairs:
            asked(name, to, bodies[name], {})  # compiles
            kept = [asked(name, to, bodies[name], {}) for _ in range(ROUNDS)]
            fresh = [asked(name, to, bodies[name], anew)[0] for _ in range(ROUNDS)]
            took, compiled = statistics.median(took for took, _ in kept), statistics.median(fresh)
            print(f"  {f'{name} → {to}':40} {took:6.1f} {compiled:14.1f}   {shortly(kept[0][1])}")
    snapshots()


def shortly(modules: list[str]) -> str:
    """The dialects by their modules, the wires by their families."""
    ours = [module.split(".") for module in modules if module.startswith("signalbox.")]
    names = dict.fromkeys(name[2] for name in ours if name[2:])
    others = [module for module in modules if not module.startswith("signalbox.")]
    return f"{len(modules)} modules: {', '.join([*names, *others])}"


def asked(name: str, to: str, body: bytes, more: dict[str, str]) -> tuple[float, list[str]]:
    provider, target = translation.place(to)
    command = [sys.executable, "-c", CHILD, name, to, provider.kind, target.model]
    done = subprocess.run(command, env=init_imports.environment() | more, input=body, stdout=subprocess.PIPE, check=True)
    took, modules = json.loads(done.stdout)
    return took, modules


def snapshots() -> None:
    shipped = json.loads(compile_text((init_imports.ROOT / "routing.yaml").read_text()).json)
    print(f"\n  {'snapshot (CPU, the best of 20)':40} {'KB':>6} {'unpacked ms':>14} {'to_snapshot ms':>16}")
    for compiled in (shipped, grown(shipped, MANY)):
        canonical = json.dumps(compiled, separators=(",", ":")).encode()
        packed = gzip.compress(canonical)
        unpacked, made = best(partial(unpack, packed)), best(partial(to_snapshot, compiled, 1, "d"))
        name = f"{len(compiled['targets'])} models, {len(compiled['routes'])} routes"
        print(f"  {name:40} {len(canonical) / 1024:6.0f} {unpacked:14.2f} {made:16.2f}")


def unpack(packed: bytes) -> Any:
    """As `aws.snapshots` does."""
    body = gzip.decompress(packed)
    hashlib.sha256(body).hexdigest()
    return json.loads(body)


def grown(compiled: dict[str, Any], models: int) -> dict[str, Any]:
    """The same with copies of its models, until there are so many; each is a route and a name as well."""
    targets, routes, names = dict(compiled["targets"]), dict(compiled["routes"]), dict(compiled["names"])
    first = [id for id in targets if not id.endswith("*")]
    for number in range(models - len(targets)):
        like = first[number % len(first)]
        id = f"{like}-{number:03}"
        targets[id] = targets[like] | {"id": id}
        routes[id] = routes[like] | {"name": id, "targets": [id]}
        names[id] = id
    return compiled | {"targets": targets, "routes": routes, "names": names}


def best(call: Any) -> float:
    took = []
    for _ in range(20):
        began = time.process_time()
        call()
        took.append((time.process_time() - began) * 1000)
    return min(took)


if __name__ == "__main__":
    main()
