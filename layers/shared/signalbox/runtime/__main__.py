"""`python -m signalbox.runtime`, which `bootstrap` starts in place of the managed runtime."""

import io
import os
import sys
from types import ModuleType

from .api import RuntimeApi
from .connection import Broken
from .environment import Environment, find
from .failures import RuntimeFailure, to_error
from .loading import Handler, load
from .log import log
from .loop import Loop
from .termination import Termination


def main() -> None:
    termination = Termination()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a frozen container flushes nothing
    try:
        environment = find(os.environ)
    except RuntimeFailure as failure:
        log("ERROR", "cannot start", **to_error(failure))
        raise SystemExit(1) from failure
    environment.say()
    api = RuntimeApi(environment.api, termination.wait)
    module, handler = _load(environment, api)
    api.register_extension()
    try:
        Loop(api, handler, environment.response_mode).run()
    finally:
        termination.over()
        _shut_down(module)


def _load(environment: Environment, api: RuntimeApi) -> tuple[ModuleType, Handler]:
    try:
        environment.check()
        return load(environment)
    except RuntimeFailure as failure:
        described = to_error(failure)
        log("ERROR", "cannot start", **described)
        try:
            api.fail_init(described)
        except Broken as broken:
            log("ERROR", "the Runtime API is gone", detail=str(broken))
        raise SystemExit(1) from failure


def _shut_down(module: ModuleType) -> None:
    try:
        if hasattr(module, "shutdown"):
            module.shutdown()
    except Exception as error:
        log("ERROR", "shutdown failed", **to_error(error))


main()
