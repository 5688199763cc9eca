"""The snapshot that is live, kept from one request to the next and fetched anew only when its digest changes."""

from collections.abc import Mapping
from typing import Any

from ..errors import Refusal
from ..routing.catalog import Snapshot, to_snapshot
from . import snapshots, telemetry
from .client import Aws, AwsError


class Live:
    def __init__(self, aws: Aws, bucket: str) -> None:
        self._aws = aws
        self._bucket = bucket
        self._snapshot: Snapshot | None = None

    def snapshot(self, live: Mapping[str, Any]) -> Snapshot:
        """The one that the pointer `live` (config/live) names. Where it cannot be fetched the last one serves on; Refusal where none is."""
        if self._snapshot is None or self._snapshot.digest != live.get("digest"):
            self._fetch(live)
        assert self._snapshot is not None
        return self._snapshot

    def _fetch(self, live: Mapping[str, Any]) -> None:
        if not live.get("digest"):
            raise Refusal("no_route", "No configuration is published. Publish routing.yaml: POST /admin/config/publish.")
        try:
            compiled = snapshots.fetch(self._aws, self._bucket, live["digest"])
        except AwsError as error:
            telemetry.error("the live snapshot could not be fetched", error)
            raise Refusal("no_route", "The configuration could not be read. Try again.", retry_after_s=1) from error
        self._snapshot = to_snapshot(compiled, int(live["version"]), live["digest"])
