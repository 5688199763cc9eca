"""Which targets may serve a request, in which order, and under which limits: a pure function of the snapshot and the inputs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from . import flags
from .actions import lowest, together
from .candidates import LackOf, Screen
from .catalog import Route, Snapshot, Timeouts
from .conditions import Facts
from .inputs import Inputs, Lack
from .order import NOBODY, Course, mirrored, ordered
from .policies import Policy
from .strategies import ADAPTIVE

DEFAULT_POLICY = "default"


class Decision(NamedTuple):
    """`targets` in the order to try, chains and the terminal one included; none: `passed` says why of each.

    `behind` is, by target, what is tried first where it fails in a kind of its own: {"context_too_long": (…), "content_filtered": (…)}.
    `default` is the target that the cost is compared with: the first declared of the route asked for that can serve the request.
    `timeouts` are the route's and the policies'; `Timeouts.over` a target's they are complete. Costs are nano-dollars.
    `reasons` say of each target why it stands where it stands.
    """

    route: str
    asked: str
    targets: tuple[str, ...]
    default: str
    strategy: str
    timeouts: Timeouts
    max_attempts: int
    behind: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    passed: tuple[tuple[str, str], ...] = ()
    reasons: Mapping[str, str] = MappingProxyType({})
    lacks: Mapping[str, Lack] = MappingProxyType({})
    warning: str | None = None  # why the first target is the least bad one
    max_tokens: int | None = None
    max_cost_nanousd: int | None = None
    retries: Mapping[str, int] = MappingProxyType({})
    hedge_after_ms: int | None = None
    mirror: str = ""
    cache: Any = None
    deny: str | None = None
    policy: str = DEFAULT_POLICY  # the first that matched
    policies: tuple[str, ...] = ()  # all that were applied
    flags: tuple[str, ...] = ()  # those that are on for this request


def decide(inputs: Inputs, snapshot: Snapshot, route: Route, lack_of: LackOf) -> Decision:
    """`route` is what `snapshot.route(features.model)` gave. `lack_of` is asked for each target that may serve."""
    tenant = inputs.features.tenant
    segments = frozenset([name for name, tenants in snapshot.segments.items() if tenant in tenants])
    on = flags.on(inputs.features, snapshot.flags, segments)
    policies = snapshot.policies.applied(Facts(inputs, segments), frozenset(on).__contains__) if "routing_policies" in on else []
    course = _course(route, snapshot, policies, on)
    chosen, actions = course.route, course.actions
    screen = _screen(inputs, snapshot, lack_of, policies, course)
    order = NOBODY if actions.deny else ordered(inputs, snapshot, course, screen)
    if actions.deny:
        screen.passed |= dict.fromkeys((*chosen.targets, *actions.add_targets, *inputs.features.fallbacks), "a policy denies the request")
    elif actions.route and not snapshot.route(actions.route):
        screen.passed.setdefault(actions.route, "a policy leads to it, and there is no such route")
    return Decision(
        route=chosen.name,
        asked=route.name,
        targets=order.targets,
        default=next((id for id in route.targets if screen.serves(id)), ""),
        strategy=course.strategy,
        timeouts=Timeouts(**actions.timeouts).over(chosen.timeouts) if actions.timeouts else chosen.timeouts,
        max_attempts=chosen.max_attempts,
        behind=order.behind,
        mirror=mirrored(inputs, course, screen, order.targets),
        passed=tuple(screen.passed.items()),
        reasons=order.reasons,
        lacks=screen.lacks,
        warning=order.warning,
        max_tokens=actions.max_tokens,
        max_cost_nanousd=course.max_cost_nanousd,
        retries=chosen.retries,
        hedge_after_ms=chosen.hedge_after_ms if course.falls_back else None,
        cache=chosen.cache if actions.cache is None else actions.cache,
        deny=actions.deny,
        policy=policies[0].id if policies else DEFAULT_POLICY,
        policies=tuple([policy.id for policy in policies]),
        flags=on,
    )


def _course(route: Route, snapshot: Snapshot, policies: Sequence[Policy], on: Sequence[str]) -> Course:
    actions = together(policies)
    chosen = (snapshot.route(actions.route) if actions.route else None) or route
    strategy = actions.strategy or chosen.strategy
    off = next((flag for flag in ADAPTIVE.get(strategy, ()) if flag not in on), "")
    ceiling_nanousd = lowest((chosen.max_cost_nanousd, actions.max_cost_nanousd))
    return Course(chosen, actions, "sequential" if off else strategy, off, ceiling_nanousd, "fallback" in on)


def _screen(inputs: Inputs, snapshot: Snapshot, lack_of: LackOf, policies: Sequence[Policy], course: Course) -> Screen:
    features, cap = inputs.features, course.actions.max_tokens
    if cap is not None:
        features = features._replace(max_tokens=lowest((features.max_tokens, cap)))
    removed = {id: policy.id for policy in reversed(policies) for id in policy.actions.remove_targets}
    return Screen(inputs, features, snapshot, lack_of, removed, course.max_cost_nanousd)
