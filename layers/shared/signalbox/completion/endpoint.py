"""The endpoints of completions and embeddings, in every dialect: who asks for what, and whether it is to be done or only told."""

import json

from ..data_api import Call, bearer, dialect_of, refused
from ..errors import Refusal
from ..runtime.invocation import Response
from .admitted import explained
from .asked import to_asked
from .guards import Guards
from .routed import Router
from .travel import JSON
from .visit import Means, Visit


class Completions:
    """One per container; it serves one request at a time."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._router = Router(Guards(), means.capacities.full)

    def complete(self, call: Call) -> Response:
        """POST, in the dialect that the path says."""
        means, dialect = self.means, dialect_of(call.path)
        caller = means.callers.caller(bearer(call.headers))
        request = dialect.to_request(call.body, call.headers)
        asked = to_asked(caller, request, call.headers, len(call.body), call.remaining_s, means.clock)
        visit = Visit(means, self._router, asked, call.body, dialect)
        if asked.explain:
            return self._explain(visit)
        response = visit.answer()
        return response._replace(after=lambda: self._after(response))

    def close(self) -> None:
        """SIGTERM."""
        self.means.desk.release()
        self.means.rates.release()

    def _after(self, response: Response) -> None:
        """While nobody waits, keys that are old are read again."""
        if response.after:
            response.after()
        self.means.callers.refresh()
        self.means.providers.refresh()

    def _explain(self, visit: Visit) -> Response:
        """Nothing is called, held or recorded."""
        try:
            told = {"id": visit.asked.id} | explained(visit.asked, self.means.desk, self.means.live, self._router)
        except Refusal as refusal:
            return refused(refusal, visit.dialect, visit.headers())
        decided = {"x-signalbox-policy": told["policy"], "x-signalbox-config-version": str(told["config_version"])}
        return Response(200, visit.headers(decided, JSON), json.dumps(told).encode())
