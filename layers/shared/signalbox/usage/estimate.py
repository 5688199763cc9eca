"""What an attempt may have been billed for, where the provider delivered no count: never less than its bill, and marked estimated."""

from math import ceil

from ..money import Tokens

# No served model writes faster than this: what it wrote unseen is bounded by the time.
FASTEST_TOKENS_PER_S = 1_000
IN_FLIGHT_TOKENS = 64  # written, sent, and lost with the connection; and what a tool call costs around its text
HIDDEN_TOKENS = 1_024  # reasoning that comes before any of it could be timed


def estimated_tokens(
    input_bound: int, delivered_bytes: int, silent_s: float, whole_s: float, choices: int, reasons: bool, output_bound: int
) -> Tokens:
    """`delivered_bytes` of output text (a token is a byte at the least), then silence for `silent_s` until the end of `whole_s`.

    A model that `reasons` may have written, unseen, from the beginning on. `output_bound` is of all choices together.
    """
    unseen_s, burst = (whole_s, HIDDEN_TOKENS) if reasons else (silent_s, IN_FLIGHT_TOKENS)
    unseen = choices * (ceil(unseen_s * FASTEST_TOKENS_PER_S) + burst)
    return Tokens(input=input_bound, output=min(delivered_bytes + unseen, output_bound))
