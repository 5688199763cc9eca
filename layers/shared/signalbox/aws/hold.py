"""What is put aside for one request, from its admission until it is settled; and whether its intent is stored."""

from collections.abc import Mapping

from ..admission.budgets import Budget
from ..admission.leases import Part
from ..admission.shards import Account
from ..errors import Refusal
from . import telemetry
from .client import Aws, AwsError, Call, ConditionFailed, InFlight
from .control import View


class Hold:
    """Money put aside for one request, in every budget it touches.

    `granted_nanousd`   what it may cost at most; between the floor and the bound asked for. Less than the bound means: clamp max_tokens.
    `less_nanousd`      by the scope of a provider, what its own attempts may cost at most, where its budget holds less than that.
    `view`              the control view of this admission: never more than 5 s old (up to 60 s where DynamoDB does not answer).
    `period_by_scope`   for `UsageRecord.period_by_scope`; {} where no budget is touched.
    `lease`             for `UsageRecord.lease`.

    The rest is the desk's.
    """

    def __init__(
        self,
        aws: Aws,
        request_id: str,
        deadline_ms: int,
        admitted_ms: int,
        granted_nanousd: int,
        less_nanousd: Mapping[str, int],
        view: View,
        budgets: Mapping[Account, Budget],
        parts: tuple[Part, ...],
        lease: str,
        number: int,
    ) -> None:
        self.request_id = request_id
        self.deadline_ms = deadline_ms
        self.granted_nanousd = granted_nanousd
        self.less_nanousd = less_nanousd
        self.view = view
        self.period_by_scope: dict[str, list[str]] = {}
        for scope, period in budgets:
            self.period_by_scope.setdefault(scope, []).append(period)
        self.lease = lease
        self.aws = aws
        self.admitted_ms = admitted_ms
        self.budgets = budgets
        self.parts = parts
        self.number = number
        self.intent: InFlight | None = None
        self.stored = False
        self.doubtful = False  # an intent that was not answered for may arrive late

    @property
    def binds(self) -> bool:
        """Whether a hard budget holds the request."""
        return any(budget.hard for budget in self.budgets.values())

    def opened(self) -> None:
        """Waits until the intent is stored (usually it is by now; one retry). Call it as soon as the upstream request is sent, so that the
        wait is within the upstream's own, and in any case before the first byte of the answer.

        Refusal ledger_unavailable where it cannot be stored and a hard budget is held: the upstream call has begun, so settle at what is
        known of it, or at `granted_nanousd`. Without a hard budget it returns and says so in the log.
        """
        self.hear()
        if self.intent and not self.stored:
            telemetry.say("ERROR", "the intent of a request could not be stored", request_id=self.request_id)
            if self.binds:
                raise Refusal(
                    "ledger_unavailable", "The ledger does not answer, and a hard budget holds this call: try again.", retry_after_s=1
                )

    def hear(self) -> None:
        """What came of the intent, where it was sent and not heard yet; tried once more where nothing did."""
        if self.intent is None or self.stored or self.doubtful:
            return
        try:
            self.intent.answer()
        except AwsError:
            self.doubtful = True
            self._again(self.intent.call)
        else:
            self.stored = True

    def _again(self, call: Call) -> None:
        try:
            self.aws.call(call, tries=1)
        except ConditionFailed:
            self.stored = True  # by the first try
        except AwsError:
            pass
        else:
            self.stored = True
