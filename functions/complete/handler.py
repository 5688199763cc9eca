"""complete: POST /v1/chat/completions and GET /v1/models, answered through the runtime loop."""

import os
import time

from signalbox.aws.client import Aws
from signalbox.aws.http import Pool
from signalbox.aws.keys import CallerKeys, ProviderKeys
from signalbox.aws.ledger import Desk, Tables
from signalbox.aws.live import Live
from signalbox.completion.endpoint import Completions
from signalbox.completion.flight import Clock
from signalbox.data_api import DataApi

aws = Aws(os.environ)
completions = Completions(
    desk=Desk(aws, Tables.from_env(os.environ)),
    live=Live(aws, os.environ["SIGNALBOX_CONFIG_BUCKET"]),
    callers=CallerKeys(aws, os.environ["SIGNALBOX_KEY_SECRET"]),
    providers=ProviderKeys(aws, os.environ["SIGNALBOX_PROVIDER_SECRETS"]),
    pool=Pool(),
    clock=Clock(time.time, time.monotonic),
)
api = DataApi({"/v1/chat/completions": {"POST": completions.chat}, "/v1/models": {"GET": completions.models}})

handler = api.answer
shutdown = completions.close
