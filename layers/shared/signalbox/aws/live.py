"""The snapshot that is live, kept from one request to the next and fetched anew only when its digest changes."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Refusal
from ..routing.catalog import Snapshot, to_snapshot
from . import snapshots, telemetry
from .client import UNREADABLE, Aws, AwsError

ASK_AGAIN_S = 5.0


class Live:
    def __init__(self, aws: Aws, bucket: str, wall: Callable[[], float] = time.time) -> None:
        self._aws = aws
        self._bucket = bucket
        self._wall = wall
        self._snapshot: Snapshot | None = None
        self._failed_s = 0.0

    def snapshot(self, live: Mapping[str, Any]) -> Snapshot:
        """The one that the pointer `live` (config/live) names. Where it cannot be read the last one serves on; Refusal where none is."""
        if self._snapshot is None or self._snapshot.digest != live.get("digest"):
            self._fetch(live)
        assert self._snapshot is not None
        if self._snapshot.digest == live.get("digest") and self._snapshot.version != live["version"]:
            self._snapshot = self._snapshot._replace(version=int(live["version"]))  # what is live again, or was said in other words
        return self._snapshot

    def _fetch(self, live: Mapping[str, Any]) -> None:
        if not live.get("digest"):
            raise Refusal("no_route", "No configuration is published. Publish routing.yaml: POST /admin/config/publish.")
        if self._snapshot and 0 <= self._wall() - self._failed_s < ASK_AGAIN_S:  # a clock may be set back
            return
        try:
            compiled = snapshots.fetch(self._aws, self._bucket, live["digest"])
            self._snapshot = to_snapshot(compiled, int(live["version"]), live["digest"])
        except (AwsError, *UNREADABLE) as error:  # a later release may have written what this one cannot read
            telemetry.error("the live snapshot could not be read", error)
            self._failed_s = self._wall()
            if self._snapshot is None:
                raise Refusal("no_route", "The configuration could not be read. Try again.", retry_after_s=1) from error
