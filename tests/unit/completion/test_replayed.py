"""What is written down of a request, admitted or refused, is enough to decide it again, whatever the configuration."""

import json
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace

from hypothesis import Phase, given, settings

from signalbox.admission.keys import Caller
from signalbox.completion.admitted import Admitted
from signalbox.completion.asked import Asked
from signalbox.completion.clock import Clock
from signalbox.completion.record import to_intent, to_refused
from signalbox.completion.trip import Trip
from signalbox.errors import Refusal
from signalbox.request import Message, Request, Text
from signalbox.routing.decide import decide
from signalbox.routing.replay import differences, replayed

from ..routing import traffic
from .fakes import Now

CALLER = Caller("k1", "acme", "search", minted=False)
NO_PERIODS: Mapping[str, list[str]] = MappingProxyType({})


@given(traffic.compiled(), traffic.inputs(), traffic.LACKS)
@settings(max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_whatever_was_decided_is_decided_again_from_what_is_recorded(compiled, inputs, lacks):
    snapshot, now = traffic.read(compiled), Now()
    route = snapshot.route(inputs.features.model)
    assert route is not None
    decision = decide(inputs, snapshot, route, lambda target: lacks.get(target.id))
    request = Request("openai_chat", inputs.features.model, (Message("user", (Text("hi"),)),))
    trip = Trip(request, route, snapshot, inputs, decision, now.s + 20, None)
    asked = Asked(inputs.features.request, inputs.now_ms, now.s, now.s + 20, CALLER, request, 2)
    clock = Clock(now, now, now.sleep)
    hold = SimpleNamespace(lease="c#1", period_by_scope=NO_PERIODS)
    records = to_intent(asked, Admitted(trip, hold), clock), to_refused(asked, Refusal("no_route", "Nobody is left."), trip, clock)
    again = traffic.read(compiled)
    for record in records:
        row = json.loads(json.dumps(record.to_detail()))
        assert list(differences(row, again)) == []
        assert replayed(row["inputs"], again) == decision  # in every field, the words as well
