"""One long conversation as a client of each dialect would send it: tools, their results, two calls at once, and an image."""

import base64
import json
from collections.abc import Callable
from typing import Any

MESSAGES, IMAGE_BYTES = 100, 24 * 1024
SYSTEM = "You are the dispatcher of a busy line. Answer briefly, ask the tools before you guess, and name the platform. " * 3
ASKED = 'Which way does the 10:{0:02} to Göschenen go, and is "Track {0}" free until it has left? Tell me in two sentences.'
SAID = (
    "The 10:{0:02} goes by the northern loop today. Track {0} is taken until it has left; after that it is free for the goods train.\n" * 2
)
FOUND = {
    "track": 4,
    "free": False,
    "until": "2026-11-20T10:41:00Z",
    "by": "IC 10:21",
    "notes": ["held at the home signal", "late by 3 min"],
}
PARAMETERS = {
    "type": "object",
    "properties": {
        "station": {"type": "string", "description": "Its name as the timetable writes it."},
        "track": {"type": "integer", "minimum": 1, "maximum": 40},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["station", "track"],
    "additionalProperties": False,
}
TOOLS = [(f"look_up_{name}", f"Looks up the {name} at a station.") for name in ("track", "timetable", "signal", "crew", "weather")]

Turn = tuple[str, Any]


def turns(messages: int = MESSAGES) -> list[Turn]:
    """In rounds of five messages: asked, two calls at once, their two results, said."""
    told: list[Turn] = [("system", SYSTEM)]
    for number in range(len(told), messages):
        round, step = divmod(number - 1, 5)
        calls = [(f"call_{round:04}{name[-5:]}xYz", name, json.dumps({"station": "Göschenen", "track": round})) for name, _ in TOOLS[:2]]
        told.append(
            [
                ("user", ASKED.format(round)),
                ("calls", calls),
                ("result", (calls[0][0], json.dumps(FOUND))),
                ("result", (calls[1][0], json.dumps(FOUND))),
                ("assistant", SAID.format(round)),
            ][step]
        )
    return told


def picture(size: int) -> str:
    return base64.b64encode(bytes(number * 7 % 251 for number in range(size))).decode()


def chat(image: str, stream: bool) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for kind, said in turns():
        if kind == "calls":
            calls = [{"id": id, "type": "function", "function": {"name": name, "arguments": given}} for id, name, given in said]
            messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        elif kind == "result":
            messages.append({"role": "tool", "tool_call_id": said[0], "content": said[1]})
        else:
            messages.append({"role": kind, "content": said})
    url = {"url": f"data:image/png;base64,{image}"}
    messages[1]["content"] = [{"type": "text", "text": messages[1]["content"]}, {"type": "image_url", "image_url": url}]
    tools = [{"type": "function", "function": {"name": name, "description": what, "parameters": PARAMETERS}} for name, what in TOOLS]
    asked = {"model": "chat", "messages": messages, "tools": tools, "temperature": 0, "max_completion_tokens": 800}
    return asked | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def messages(image: str, stream: bool) -> dict[str, Any]:
    written: list[dict[str, Any]] = []
    for kind, said in turns()[1:]:
        if kind == "calls":
            content = [{"type": "tool_use", "id": id, "name": name, "input": json.loads(given)} for id, name, given in said]
            written.append({"role": "assistant", "content": content})
        elif kind == "result":
            written.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": said[0], "content": said[1]}]})
        else:
            written.append({"role": kind, "content": [{"type": "text", "text": said}]})
    written[0]["content"].append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}})
    tools = [{"name": name, "description": what, "input_schema": PARAMETERS} for name, what in TOOLS]
    asked = {"model": "chat", "system": SYSTEM, "messages": written, "tools": tools, "temperature": 0, "max_tokens": 800}
    return asked | {"stream": stream}


def responses(image: str, stream: bool) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for kind, said in turns()[1:]:
        if kind == "calls":
            items += [{"type": "function_call", "call_id": id, "name": name, "arguments": given} for id, name, given in said]
        elif kind == "result":
            items.append({"type": "function_call_output", "call_id": said[0], "output": said[1]})
        else:
            part = "output_text" if kind == "assistant" else "input_text"
            items.append({"type": "message", "role": kind, "content": [{"type": part, "text": said}]})
    items[0]["content"].append({"type": "input_image", "image_url": f"data:image/png;base64,{image}"})
    tools = [{"type": "function", "name": name, "description": what, "parameters": PARAMETERS, "strict": False} for name, what in TOOLS]
    asked = {"model": "chat", "instructions": SYSTEM, "input": items, "tools": tools, "temperature": 0, "max_output_tokens": 800}
    return asked | {"stream": stream}


def completions(image: str, stream: bool) -> dict[str, Any]:
    """There are neither turns nor tools nor images here: as much text in one piece."""
    prompt = "\n".join(said if isinstance(said, str) else json.dumps(said) for _, said in turns())
    asked = {"model": "chat", "prompt": prompt, "temperature": 0, "max_tokens": 800, "stream": stream}
    return asked | ({"stream_options": {"include_usage": True}} if stream else {})


BODIES: dict[str, Callable[[str, bool], dict[str, Any]]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic_messages": messages,
    "openai_completions": completions,
}


def body(dialect: str, image_bytes: int = IMAGE_BYTES, stream: bool = True) -> bytes:
    """As the official clients write it."""
    return json.dumps(BODIES[dialect](picture(image_bytes), stream), ensure_ascii=False, separators=(",", ":")).encode()
