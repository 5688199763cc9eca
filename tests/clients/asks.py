"""What all of the clients ask for, and what the simulated models answer to it."""

SAID = "the line is open"
PROMPT = f"say: {SAID}"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
CALLED = {"city": "Bern"}
CALL = 'call weather {"city": "Bern"}'
ANSWERED = "sunny"
MOST = 2_000


def user(content: str = PROMPT) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]
