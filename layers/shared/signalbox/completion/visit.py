"""One request from its arrival until the last is done for it: sent on its way, answered with what is there already, or refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..aws import telemetry
from ..aws.capacity import Capacities
from ..aws.http import Pool
from ..aws.keys import CallerKeys, ProviderKeys
from ..aws.ledger import Desk, Errand, Hold
from ..aws.live import Live
from ..aws.rates import Rates
from ..data_api import REQUEST_IDS, refused
from ..dialects.contract import Dialect
from ..runtime.invocation import Response
from ..usage.record import UsageRecord
from .admitted import NotAdmitted, admit
from .answered import Answered
from .asked import Asked
from .clock import Clock
from .keeper import Keeper
from .limited import Limited
from .record import HIT, REPLAY, to_refused, to_repeated
from .routed import Routed, Router
from .sampling import Sampler
from .travel import EVENTS, JSON, Travel
from .unanswered import as_refusal


class Means(NamedTuple):
    """What a container serves its requests with."""

    desk: Desk
    live: Live
    callers: CallerKeys
    providers: ProviderKeys
    pool: Pool
    clock: Clock
    capacities: Capacities
    keeper: Keeper
    rates: Rates
    sampler: Sampler


class Visit:
    """Whatever comes of it, `ended` is called once, after the answer; unless it is only explained."""

    def __init__(self, means: Means, router: Router, asked: Asked, body: bytes, dialect: Dialect) -> None:
        self.means = means
        self.asked = asked
        self.dialect = dialect
        self.keeping = means.keeper.of(asked, body)
        self._router = router
        self._limited = Limited(means.rates, asked, means.clock)

    def answer(self) -> Response:
        try:
            means = self.means
            admitted = admit(self.asked, means.desk, means.live, self._router, self._errands, self.keeping.replayed)
            return Travel(self, admitted).answer()
        except Answered as found:
            return self.repeated(found)
        except NotAdmitted as error:
            return self._not_admitted(error)
        except Exception as error:
            return self._not_admitted(NotAdmitted(as_refusal(error), None))

    def explained(self) -> Response:
        """What would become of it. Nothing is called, held or recorded; but it counts among the requests of a minute and an hour."""
        from .explained import explained  # few ask

        means = self.means
        try:
            told = {"id": self.asked.id} | explained(self.asked, means.desk, means.live, self._router, self._limited.errand)
            decided = {"x-signalbox-policy": told["policy"], "x-signalbox-config-version": str(told["config_version"])}
            response = Response(200, self.headers(decided, JSON), json.dumps(told).encode())
        except Exception as error:
            response = refused(as_refusal(error), self.dialect, self.asked.id, self.headers())
        return response._replace(after=lambda: self._limited.leave(0)())

    def headers(self, *told: Mapping[str, str]) -> dict[str, str]:
        """Those of any answer, and what is `told` besides; the later has the say."""
        headers = dict.fromkeys(REQUEST_IDS, self.asked.id) | {"x-signalbox-cache": "none"} | self._limited.headers()
        for more in told:
            headers |= more
        return headers

    def repeated(self, found: Answered, hold: Hold | None = None) -> Response:
        """What is there already: nothing is called, and nothing held but for what looked it up by meaning, which was paid from `hold`."""
        from .repeated import told_again

        assert found.routed is not None, "it was found for something"
        record = to_repeated(self.asked, found.routed.trip, found.kept, REPLAY if found.is_replay else HIT, self.means.clock)
        if hold:
            record = self.keeping.counted(record._replace(lease=hold.lease, period_by_scope=hold.period_by_scope))
        try:
            told = told_again(self.asked, found, self.dialect)
        except Exception as error:
            refusal = as_refusal(error)
            failed, freed = record._replace(outcome=refusal.code, status=refusal.status), self.keeping.free()
            return refused(refusal, self.dialect, self.asked.id, self.headers())._replace(after=lambda: self.ended(failed, freed, hold))
        kept = self.keeping.found(found)
        headers = self.headers(dict.fromkeys(REQUEST_IDS, told.id), told.headers, EVENTS if told.is_stream else JSON)
        return Response(told.status, headers, told.body, lambda: self.ended(record, kept, hold))

    def ended(self, record: UsageRecord, kept: Callable[[], None], hold: Hold | None = None) -> None:
        """What came of it goes into the budgets that it was held in, onto the bus and into the metrics; `kept` waits for what is kept."""
        left = self._limited.leave(record.tokens.input + record.tokens.output)
        if hold:
            self.means.desk.settle(hold, record.cost_nanousd, record.to_detail())
        else:
            self.means.desk.record(record.to_detail())
        telemetry.completion(record)
        kept()
        left()

    def _not_admitted(self, left: NotAdmitted) -> Response:
        """Nothing was sent."""
        record = to_refused(self.asked, left.refusal, left.trip, self.means.clock)
        headers = self.headers(left.trip.told if left.trip else {})
        freed = self.keeping.free()
        return refused(left.refusal, self.dialect, self.asked.id, headers)._replace(after=lambda: self.ended(record, freed))

    def _errands(self, routed: Routed) -> Sequence[Errand]:
        return *self.keeping.errands(routed), self._limited.errand(routed)
