"""The endpoints of completions and embeddings, in every dialect: who asks for what, and whether it is to be done or only told."""

from ..data_api import Call, bearer, dialect_of
from ..runtime.invocation import Response
from .asked import to_asked
from .guards import Guards
from .routed import Router
from .visit import Means, Visit


class Completions:
    """One per container; it serves one request at a time."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._router = Router(Guards(), means.capacities.full, lambda: means.callers.ring().mac_key)

    def complete(self, call: Call) -> Response:
        """POST, in the dialect that the path says."""
        means, dialect = self.means, dialect_of(call.path)
        caller = means.callers.caller(bearer(call.headers))
        request = dialect.to_request(call.body, call.headers)
        asked = to_asked(caller, request, call.headers, len(call.body), call.remaining_s, means.clock)
        visit = Visit(means, self._router, asked, call.body, dialect)
        response = visit.explained() if asked.explain else visit.answer()
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
