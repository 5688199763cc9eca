"""What every function has in its environment. Powertools reads it when a handler is imported, which any test folder may be first to do."""

import os

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "signalbox",
    "POWERTOOLS_METRICS_NAMESPACE": "Signalbox",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
