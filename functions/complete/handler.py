"""complete: the data API's completions and embeddings in every dialect, and GET /v1/models, answered through the runtime loop."""

import os
import time
from typing import Any

from signalbox.aws.capacity import Capacities
from signalbox.aws.client import Aws
from signalbox.aws.http import Pool
from signalbox.aws.keys import CallerKeys, ProviderKeys, issuer_of
from signalbox.aws.ledger import Desk, Tables
from signalbox.aws.live import Live
from signalbox.aws.rates import Rates
from signalbox.completion.clock import Clock
from signalbox.completion.endpoint import Completions
from signalbox.completion.keeper import Keeper, Places
from signalbox.completion.models import Models
from signalbox.completion.sampling import Sampler
from signalbox.completion.visit import Means
from signalbox.data_api import DIALECTS, DataApi
from signalbox.runtime.invocation import Context

aws, pool = Aws(os.environ), Pool()
tables = Tables.from_env(os.environ)
places = Places(os.environ["SIGNALBOX_CACHE_TABLE"], os.environ["SIGNALBOX_ANSWER_BUCKET"], os.environ.get("SIGNALBOX_CACHE_URL", ""))
callers = CallerKeys(aws, os.environ["SIGNALBOX_KEY_SECRET"], issuer_of(os.environ, pool))
desk, live = Desk(aws, tables), Live(aws, os.environ["SIGNALBOX_CONFIG_BUCKET"])
means = Means(
    desk=desk,
    live=live,
    callers=callers,
    providers=ProviderKeys(aws, os.environ["SIGNALBOX_PROVIDER_SECRETS"], pool),
    pool=pool,
    clock=Clock(time.time, time.monotonic, time.sleep),
    capacities=Capacities(aws, tables.ledger, time.time),
    keeper=Keeper(aws, places, lambda: callers.ring().mac_key, time.time),
    rates=Rates(aws, tables.ledger, time.time),
    sampler=Sampler(aws, os.environ["SIGNALBOX_SAMPLE_QUEUE"]),
)
completions = Completions(means)
models = Models(desk, live, callers)
api = DataApi(
    {path: {"POST": completions.complete} for path in DIALECTS} | {"/v1/models": {"GET": models.all}, "/v1/models/*": {"GET": models.one}}
)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Called by the runtime loop; or by the managed runtime, whose context is another, as the embedded AWS does."""
    if isinstance(context, Context):
        return api.answer(event, context)
    from signalbox.runtime.managed import answered

    return answered(api.answer, event, context)


shutdown = completions.close
