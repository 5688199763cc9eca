"""What several policies that match one request come to, taken together."""

from collections.abc import Iterable, Sequence

from .policies import Actions, Policy

NOTHING = Actions()


def together(policies: Sequence[Policy]) -> Actions:
    """Of each thing what the first says that says anything of it; targets of all of them; and of limits the lowest."""
    if len(policies) < 2:
        return policies[0].actions if policies else NOTHING
    all = [policy.actions for policy in policies]
    timeouts: dict[str, float | None] = {}
    for actions in reversed(all):
        timeouts |= actions.timeouts
    return Actions(
        route=next((actions.route for actions in all if actions.route), None),
        strategy=next((actions.strategy for actions in all if actions.strategy), None),
        add_targets=tuple(dict.fromkeys(id for actions in all for id in actions.add_targets)),
        remove_targets=tuple(dict.fromkeys(id for actions in all for id in actions.remove_targets)),
        weights=next((actions.weights for actions in all if actions.weights), NOTHING.weights),
        max_tokens=lowest(actions.max_tokens for actions in all),
        max_cost_nanousd=lowest(actions.max_cost_nanousd for actions in all),
        timeouts=timeouts,
        cache=next((actions.cache for actions in all if actions.cache is not None), None),
        deny=next((actions.deny for actions in all if actions.deny), None),
        mirror=next((actions.mirror for actions in all if actions.mirror), None),
    )


def lowest(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
