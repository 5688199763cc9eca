"""next → handler → answer → after, until the container ends."""

import json
import os

from .api import RuntimeApi
from .buffered import to_proxy_answer
from .connection import Broken
from .environment import STREAM
from .failures import RuntimeFailure, to_error
from .invocation import Context, Response
from .loading import Handler
from .log import log

TRACE_ID = "_X_AMZN_TRACE_ID"


class Loop:
    def __init__(self, api: RuntimeApi, handler: Handler, response_mode: str) -> None:
        self._api = api
        self._handler = handler
        self._streams = response_mode == STREAM

    def run(self) -> None:
        """Ends by SystemExit alone."""
        while True:
            self.turn()

    def turn(self) -> None:
        context, event = self._api.next()
        os.environ[TRACE_ID] = context.trace_id
        try:
            response = self._handler(json.loads(event), context)
            if not isinstance(response, Response):
                raise RuntimeFailure("Runtime.MarshalError", f"the handler must return a Response, not {type(response).__name__}")
        except Exception as error:
            self._fail(context, error)
        else:
            self._answer(context, response)

    def _answer(self, context: Context, response: Response) -> None:
        try:
            if self._streams:
                self._api.stream(context.request_id, response)
            else:
                self._api.answer(context.request_id, to_proxy_answer(response))
        except Broken as error:
            log("WARNING", "the answer was not taken to its end", request_id=context.request_id, detail=str(error))
        except Exception as error:
            self._fail(context, error)
        finally:
            try:
                self._run(getattr(response.body, "close", None), "closing the body failed", context)
            finally:
                self._run(response.after, "work after the answer failed", context)

    def _fail(self, context: Context, error: Exception) -> None:
        described = to_error(error)
        log("ERROR", "the invocation failed", request_id=context.request_id, **described)
        try:
            self._api.fail(context.request_id, described)
        except Broken as broken:
            log("WARNING", "the error was not taken", request_id=context.request_id, detail=str(broken))

    def _run(self, work: object, what_failed: str, context: Context) -> None:
        if not callable(work):
            return
        try:
            work()
        except Exception as error:
            log("ERROR", what_failed, request_id=context.request_id, **to_error(error))
