"""Who is right where we and litellm differ, and why. The first row that fits a difference judges it; `*` stands for anything."""

from fnmatch import fnmatchcase
from typing import NamedTuple

from .compare import REFUSED


class Verdict(NamedTuple):
    """`right`: ours, litellm or either. Where litellm is right, ours is a defect not yet mended. `case` is of the first that shows it."""

    subject: str
    provider: str
    path: str
    right: str
    why: str
    case: str = "*"


VERDICTS = (
    # What is sent, wherever it goes.
    Verdict(
        "request",
        "*",
        "messages[[]].tool_calls[[]].function.arguments",
        "ours",
        "a call without arguments is an empty object; an empty text is no JSON, which strict ones refuse",
    ),
    Verdict("request", "*", "*cache_control", "ours", "a mark of Anthropic's, which this provider does not document"),
    Verdict("request", "*", "messages[[]].role", "ours", "it knows the developer's role"),
    Verdict("request", "*", "user", "either", "it is for the provider's records, and none refuses it"),
    Verdict("request", "*", "max_*tokens", "either", "the newer of two names, both of which it reads"),
    # Anthropic, and Claude on Bedrock
    Verdict(
        "request",
        "anthropic",
        REFUSED,
        "ours",
        "its newer models take temperature or top_p, and answer both with an error",
        "temperature and top_p",
    ),
    Verdict(
        "request",
        "bedrock",
        REFUSED,
        "ours",
        "Claude there takes temperature or top_p, and answers both with an error",
        "temperature and top_p",
    ),
    Verdict(
        "request",
        "bedrock",
        REFUSED,
        "ours",
        "tools that may not be called are left out, which Converse has no choice for",
        "no tool may be called",
    ),
    Verdict(
        "request",
        "anthropic",
        "messages[[]].content",
        "either",
        "a system prompt in the middle goes up to the others; litellm has the user tell it",
        "a system prompt in the middle",
    ),
    Verdict(
        "request",
        "bedrock",
        "messages[[]].content",
        "either",
        "a system prompt in the middle goes up to the others; litellm has the user tell it",
        "a system prompt in the middle",
    ),
    Verdict(
        "request",
        "anthropic",
        "system",
        "either",
        "a system prompt in the middle goes up to the others, and JSON mode is asked for in words; litellm drops the mode",
    ),
    Verdict(
        "request",
        "bedrock",
        "system",
        "either",
        "a system prompt in the middle goes up to the others, and JSON mode is asked for in words; litellm drops the mode",
    ),
    Verdict("request", "anthropic", "output_*", "ours", "output_config.format is what output_format became when it left its beta"),
    Verdict("request", "*", "*thinking.budget_tokens", "either", "an effort is no number: which budget it stands for is each one's choice"),
    Verdict("request", "anthropic", "tools[[]].strict", "ours", "Anthropic knows strict tools"),
    Verdict("request", "anthropic", "tools[[]].type", "either", "custom is what a tool is without it"),
    Verdict(
        "request",
        "bedrock",
        "additionalModelRequestFields",
        "ours",
        "Claude can be held to one call at a time by its own field; litellm drops it",
    ),
    Verdict(
        "request",
        "bedrock",
        "additionalModelResponseFieldPaths",
        "either",
        "we ask for the stop sequence, litellm for the count of reasoning, which is billed as output anyhow",
    ),
    Verdict("request", "bedrock", "inferenceConfig.maxTokens", "either", "without a limit the model's own is the limit"),
    Verdict("request", "bedrock", "outputConfig", "ours", "Converse holds Claude to a schema by itself, with its tools free"),
    Verdict(
        "request",
        "bedrock",
        "toolConfig*",
        "ours",
        "litellm holds it to a schema by a forced tool, and invents a description where a tool has none",
    ),
    # Gemini
    Verdict(
        "request",
        "gemini",
        REFUSED,
        "ours",
        "Gemini fetches public addresses itself; litellm does so before, from wherever it runs",
        "a picture's address",
    ),
    Verdict("request", "gemini", REFUSED, "either", "litellm's table lists this model as one without", "log probabilities"),
    Verdict(
        "request",
        "gemini",
        REFUSED,
        "ours",
        "it has no such parameter; litellm drops it, and more calls than one may come",
        "one call at a time",
    ),
    Verdict(
        "request",
        "gemini",
        "contents[[]].parts",
        "ours",
        "a call without arguments has none; litellm sends a schema's default in their place and an empty text before",
    ),
    Verdict("request", "gemini", "*functionResponse*", "ours", "output is the key that Google names for what a function gave"),
    Verdict(
        "request",
        "gemini",
        "*thoughtSignature",
        "either",
        "Google names this text for calls that were not its own, and takes it written either way",
    ),
    Verdict(
        "request",
        "gemini",
        REFUSED,
        "ours",
        "no model since Gemini 2.5 takes penalties: litellm sends them, to be answered with an error",
        "penalties",
    ),
    Verdict("request", "gemini", "generationConfig*", "either", "litellm spells out what is the default, and levels in lower case"),
    Verdict(
        "request",
        "gemini",
        "tools*",
        "ours",
        "parametersJsonSchema takes any JSON schema, parameters the part of one that Google had first",
    ),
    # DeepSeek
    Verdict(
        "request", "deepseek", REFUSED, "ours", "it documents no such parameter, or not for this model: what would be ignored is refused"
    ),
    Verdict("request", "deepseek", "messages[[]].content[[]].text", "either", "parts become one text; we keep them apart by a line"),
    Verdict(
        "request",
        "deepseek",
        "messages[[]].reasoning_content",
        "ours",
        "while it thinks, it refuses answers that come back without the field",
    ),
    Verdict("request", "deepseek", "reasoning_effort", "ours", "it knows efforts beside its switch"),
    # Fireworks, Groq, Mistral
    Verdict(
        "request", "fireworks", REFUSED, "ours", "litellm's table does not know the model, so it refuses what Fireworks documents for it"
    ),
    Verdict("request", "fireworks", "response_format", "ours", "a schema beside tools is dropped by litellm without a word"),
    Verdict("request", "*", "tools[[]].function.strict", "either", "it may be ignored; nothing documents that it is refused"),
    Verdict("request", "groq", REFUSED, "ours", "it documents that it takes neither log probabilities nor more than one answer"),
    Verdict(
        "request",
        "groq",
        "response_format",
        "ours",
        "the model is one of those that take schemas, and is asked for it whole; litellm forces a tool",
    ),
    Verdict("request", "groq", "tool*", "ours", "litellm holds it to a schema by a forced tool"),
    Verdict("request", "mistral", REFUSED, "ours", "its API has them; litellm's table is older"),
    Verdict(
        "request",
        "mistral",
        "messages",
        "ours",
        "it refuses a user who speaks right after a tool, so an answer stands between; and reasoning has a parameter, not a system prompt",
    ),
    Verdict(
        "request",
        "mistral",
        "messages*",
        "either",
        "litellm joins parts, and asks for reasoning by a system prompt where we name the effort",
    ),
    Verdict("request", "mistral", "reasoning_effort", "ours", "its API has it, from none to xhigh"),
    Verdict("request", "mistral", "tool_choice", "ours", "it knows required as well as any, and one tool by its name, which litellm drops"),
    # Ollama
    Verdict(
        "request",
        "ollama",
        REFUSED,
        "ours",
        "it takes pictures in base64 alone, and cannot be held to tools: litellm sends what is then ignored",
        "*tool is required",
    ),
    Verdict("request", "ollama", REFUSED, "ours", "it takes pictures in base64 alone", "a picture's address"),
    Verdict("request", "ollama", REFUSED, "ours", "it has them; litellm refuses, or fails over empty arguments"),
    Verdict("request", "ollama", "keep_alive", "either", "an option of the provider's, which the fixtures set"),
    Verdict("request", "ollama", "options.num_ctx", "either", "an option of the provider's, which the fixtures set"),
    Verdict("request", "ollama", "messages[[]].images", "either", "an empty list of pictures is none"),
    Verdict(
        "request",
        "ollama",
        "messages[[]].tool_*",
        "ours",
        "a result is known by its tool's name and its call's id; litellm leaves both out",
    ),
    Verdict("request", "ollama", "tools", "ours", "tools that may not be called are left out, as it knows no choice"),
    Verdict("request", "ollama", "tools*", "either", "a schema of no parameters, or none"),
    # OpenAI and the others
    Verdict(
        "request",
        "openai",
        REFUSED,
        "either",
        "GPT-5 refuses them while it reasons, which ours knows before a call; nothing documents it of GPT-5.2 unasked",
    ),
    Verdict("request", "openrouter", REFUSED, "ours", "it gives one answer a request"),
    Verdict("request", "openrouter", "reasoning*", "either", "it knows both names"),
    Verdict("request", "perplexity", REFUSED, "ours", "it documents stop; litellm does not know it", "one stop"),
    Verdict("request", "perplexity", REFUSED, "ours", "it takes JSON by a schema alone", "JSON"),
    Verdict("request", "perplexity", "reasoning_effort", "ours", "it has no none: minimal is its least"),
    Verdict("request", "together", REFUSED, "ours", "it gives log probabilities in a form of its own, which no client of OpenAI's reads"),
    Verdict("request", "together", "reasoning*", "ours", "it is told not to reason by a switch; litellm makes a low effort of none"),
    # What is understood.
    Verdict(
        "answer", "bedrock", "choices*", "either", "each unwraps the answer of the tool by which it asked for a schema itself, and no other"
    ),
    Verdict(
        "answer",
        "*",
        "tokens.reasoning",
        "ours",
        "the provider gives no count of it; litellm estimates one from the text. It is part of output in either",
    ),
    Verdict("answer", "gemini", "tokens.input", "ours", "what its own tools read (toolUsePromptTokenCount) is billed as input"),
    Verdict("answer", "groq", "choices[[]].reasoning", "ours", "litellm drops it from a whole answer"),
    Verdict("answer", "ollama", "choices[[]].calls", "ours", "two calls in a stream are two; litellm joins their arguments"),
    Verdict("answer", "openai", "choices", "ours", "two answers in a stream are two; litellm joins their texts", "choices, streamed"),
    Verdict("answer", "openai", "choices[[]].*", "ours", "an old function_call is understood as a tool's call, which our clients know"),
    Verdict("answer", "openrouter", "tokens.cache_write", "ours", "it counts what it wrote to a cache, which has a price of its own"),
    Verdict(
        "answer",
        "perplexity",
        "tokens.*",
        "ours",
        "what it reads as sources and thinks is billed, and counted beside the prompt and the answer",
    ),
)


def verdict_of(subject: str, provider: str, path: str, cases: tuple[str, ...]) -> Verdict | None:
    of = (subject, provider, path, cases[0])
    return next(
        (
            verdict
            for verdict in VERDICTS
            if all(fnmatchcase(*pair) for pair in zip(of, (verdict.subject, verdict.provider, verdict.path, verdict.case), strict=True))
        ),
        None,
    )
