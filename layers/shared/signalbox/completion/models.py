"""GET /v1/models: what a key may write for `model`."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..admission.keys import record_of
from ..aws.keys import CallerKeys
from ..aws.ledger import Desk
from ..aws.live import Live
from ..data_api import Call, bearer
from ..routing.catalog import Snapshot
from ..runtime.invocation import Response
from .permits import may_name
from .routed import unknown_model

JSON = {"content-type": "application/json"}


class Models:
    """One per container, beside its `Completions`, whose desk, snapshots and keys it shares."""

    def __init__(self, desk: Desk, live: Live, callers: CallerKeys) -> None:
        self._desk = desk
        self._live = live
        self._callers = callers

    def all(self, call: Call) -> Response:
        """GET /v1/models: what this key may write for `model`."""
        record, snapshot = self._known(call)
        rows = [_to_model(name, snapshot) for name in sorted(snapshot.names) if may_name(name, record, snapshot)]
        return Response(200, JSON, json.dumps({"object": "list", "data": rows}).encode())

    def one(self, call: Call) -> Response:
        """GET /v1/models/{model}"""
        name = unquote(call.path.removeprefix("/v1/models/"))
        record, snapshot = self._known(call)
        if snapshot.route(name) is None or not may_name(name, record, snapshot):
            raise unknown_model(name)
        return Response(200, JSON, json.dumps(_to_model(name, snapshot)).encode())

    def _known(self, call: Call) -> tuple[Mapping[str, Any], Snapshot]:
        """The record of the key, and the snapshot."""
        caller = self._callers.caller(bearer(call.headers))
        view = self._desk.stands(caller)
        return record_of(caller, view.records), self._live.snapshot(view.live)


def _to_model(name: str, snapshot: Snapshot) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/models/object, and what we know beside it of a route's first target."""
    route = snapshot.route(name)
    assert route is not None, "names lead to routes"
    target = snapshot.targets[route.targets[0]]
    known = {"targets": route.targets, "context_window": target.context_window, "capabilities": sorted(target.capabilities)}
    return {"id": name, "object": "model", "created": 0, "owned_by": target.provider, "signalbox": known}
