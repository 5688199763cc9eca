"""The environment the loop runs under: found here once, said here once, read nowhere else."""

import sys
from collections.abc import Mapping
from typing import NamedTuple

from .failures import RuntimeFailure
from .log import log

STREAM, BUFFERED = "stream", "buffered"


class Environment(NamedTuple):
    """`api` is host:port; `handler` is `module.function` as the template has it; `response_mode` is `stream` or `buffered`."""

    api: str
    handler: str
    task_root: str
    response_mode: str

    def say(self) -> None:
        """One line per container."""
        log(
            "INFO",
            "signalbox runtime",
            handler=self.handler,
            task_root=self.task_root,
            response_mode=self.response_mode,
            python=sys.version.split()[0],
        )

    def check(self) -> None:
        if self.response_mode not in (STREAM, BUFFERED):
            raise RuntimeFailure(
                "Runtime.UnknownResponseMode", f"SIGNALBOX_RESPONSE_MODE is '{self.response_mode}'; it must be `stream` or `buffered`"
            )


def find(environ: Mapping[str, str]) -> Environment:
    """The sam command line's emulator does not stream, so whatever is asked for, AWS_SAM_LOCAL means buffered."""
    api = environ.get("AWS_LAMBDA_RUNTIME_API", "")
    if not api:
        raise RuntimeFailure(
            "Runtime.NoApi", "AWS_LAMBDA_RUNTIME_API is not set: this loop is started by Lambda, `sam local invoke` or `make run`"
        )
    return Environment(
        api=api,
        handler=environ.get("_HANDLER", ""),
        task_root=environ.get("LAMBDA_TASK_ROOT", ""),
        response_mode=_response_mode(environ),
    )


def _response_mode(environ: Mapping[str, str]) -> str:
    mode = environ.get("SIGNALBOX_RESPONSE_MODE") or BUFFERED
    return BUFFERED if environ.get("AWS_SAM_LOCAL", "").lower() == "true" else mode
