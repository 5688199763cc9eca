"""What an attempt may have been billed for, where the provider delivered no count: never less than its bill, and marked estimated."""

from math import ceil

from ..money import Tokens

# No served model writes faster than this; what it wrote since we last heard of it is bounded by the time.
FASTEST_TOKENS_PER_S = 1_000
IN_FLIGHT_TOKENS = 64  # written, sent, and lost with the connection; and what a tool call costs around its text


def estimated_tokens(input_bound: int, delivered_bytes: int, silent_s: float, output_bound: int) -> Tokens:
    """`delivered_bytes` of output text (a token is a byte at the least), then silence for `silent_s` until the end."""
    unseen = ceil(silent_s * FASTEST_TOKENS_PER_S) + IN_FLIGHT_TOKENS
    return Tokens(input=input_bound, output=min(delivered_bytes + unseen, output_bound))
