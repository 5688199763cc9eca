"""What both are asked for: bodies of chat completions, each with one thing that translations get wrong."""

from typing import Any

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
USER = {"role": "user", "content": "Where does the train stop?"}
EPHEMERAL = {"cache_control": {"type": "ephemeral"}}


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": f"Asks for the {name}.", "parameters": CITY} | more}


def call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": text}


def ask(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages or (USER,)), "max_tokens": 500} | more


def picture(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]}


WEATHER, TIME = function("weather"), function("time")
TOOLS = [WEATHER, TIME]
# Nine letters and digits, which is what Mistral's have.
CALLS = [call("call00001", "weather", '{"city": "Bern"}'), call("call00002", "time", '{"city": "Bern"}')]
RESULTS = [result("call00001", "sunny"), result("call00002", "noon")]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}

ASKS = {
    "text": ask(),
    "no limit": {"messages": [USER]},
    "a system prompt": ask({"role": "system", "content": "Be brief."}, USER),
    "two system prompts": ask({"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}, USER),
    "a system prompt in the middle": ask(
        USER, {"role": "assistant", "content": "In Bern."}, {"role": "system", "content": "Be kind."}, USER
    ),
    "a developer's prompt": ask({"role": "developer", "content": "Be brief."}, USER),
    "a talk": ask(USER, {"role": "assistant", "content": "In Bern."}, {"role": "user", "content": "And then?"}),
    "two users in a row": ask(USER, {"role": "user", "content": "And why?"}),
    "an answer begun": ask(USER, {"role": "assistant", "content": "It stops in"}),
    "parts": ask({"role": "user", "content": [{"type": "text", "text": "Where?"}, {"type": "text", "text": "When?"}]}),
    "temperature 0": ask(temperature=0),
    "temperature and top_p": ask(temperature=0.3, top_p=0.9),
    "one stop": ask(stop="END"),
    "stops": ask(stop=["END", "STOP"]),
    "a seed": ask(seed=7),
    "penalties": ask(frequency_penalty=0.5, presence_penalty=-0.5),
    "two answers": ask(n=2),
    "log probabilities": ask(logprobs=True, top_logprobs=2),
    "a user's name": ask(user="u-1"),
    "a picture": ask(picture(PIXEL)),
    "a picture's address": ask(picture("https://example.com/a.png")),
    "tools": ask(tools=TOOLS),
    "a strict tool": ask(tools=[function("weather", strict=True)]),
    "a tool without parameters": ask(tools=[{"type": "function", "function": {"name": "now"}}]),
    "a tool is required": ask(tools=TOOLS, tool_choice="required"),
    "one tool is required": ask(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "time"}}),
    "no tool may be called": ask(tools=TOOLS, tool_choice="none"),
    "one call at a time": ask(tools=TOOLS, parallel_tool_calls=False),
    "results": ask(USER, {"role": "assistant", "content": None, "tool_calls": CALLS}, *RESULTS, tools=TOOLS),
    "results and a question": ask(USER, {"role": "assistant", "content": "I'll look.", "tool_calls": CALLS}, *RESULTS, USER, tools=TOOLS),
    "no arguments": ask(USER, {"role": "assistant", "content": "", "tool_calls": [call("call00001", "now", "")]}, RESULTS[0], tools=TOOLS),
    "JSON": ask({"role": "user", "content": "Answer in JSON."}, response_format={"type": "json_object"}),
    "a schema": ask(response_format=SCHEMA),
    "a schema and tools": ask(response_format=SCHEMA, tools=TOOLS),
    "low effort": ask(reasoning_effort="low", max_tokens=8_000),
    "high effort": ask(reasoning_effort="high", max_tokens=40_000),
    "no effort": ask(reasoning_effort="none"),
    "a cached part": ask(
        {"role": "user", "content": [{"type": "text", "text": "A long text."} | EPHEMERAL, {"type": "text", "text": "Why?"}]}
    ),
    "a cached system prompt": ask({"role": "system", "content": [{"type": "text", "text": "Be brief."} | EPHEMERAL]}, USER),
    "a cached tool": ask(tools=[WEATHER, TIME | EPHEMERAL]),
}
