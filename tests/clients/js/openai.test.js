// The `openai` package, to one model of each wire format.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import OpenAI from "openai";

import { CALL, CALLED, CITY, KEY, MODELS, MOST, PROMPT, SAID, URL, poorKey } from "./stack.js";

const connect = (apiKey) => new OpenAI({ baseURL: `${URL}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
const client = connect(KEY);
const user = (content) => [{ role: "user", content }];

for (const model of MODELS) {
  describe(model, () => {
    test("chat", async () => {
      const answer = await client.chat.completions.create({ model, messages: user(PROMPT), max_tokens: MOST });
      assert.equal(answer.choices[0].message.content, SAID);
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    });

    test("a stream with its usage", async () => {
      const chunks = [];
      const options = { stream: true, stream_options: { include_usage: true } };
      for await (const chunk of await client.chat.completions.create({ model, messages: user(PROMPT), max_tokens: MOST, ...options })) {
        chunks.push(chunk);
      }
      const last = chunks.pop();
      assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), SAID);
      assert.deepEqual(last.choices, []);
      assert(last.usage.completion_tokens > 0);
    });

    test("the stream helper", async () => {
      const stream = client.chat.completions.stream({ model, messages: user(PROMPT), max_tokens: MOST });
      assert.equal(await stream.finalContent(), SAID);
    });

    for (const stream of [false, true]) {
      test(`tools are run and their results sent back, ${stream ? "streamed" : "whole"}`, async () => {
        const seen = [];
        const weather = {
          name: "weather",
          description: "The weather.",
          parameters: CITY,
          parse: JSON.parse,
          function: (given) => {
            seen.push(given);
            return "sunny";
          },
        };
        const runner = client.chat.completions.runTools({
          model,
          stream,
          messages: user(CALL),
          max_tokens: MOST,
          tools: [{ type: "function", function: weather }],
        });
        assert(await runner.finalContent());
        assert.deepEqual(seen, [CALLED]);
      });
    }

    test("a parsed schema", async () => {
      const format = { type: "json_schema", json_schema: { name: "city", schema: CITY, strict: true } };
      const answer = await client.chat.completions.parse({ model, messages: user("where?"), max_tokens: MOST, response_format: format });
      assert.deepEqual(Object.keys(JSON.parse(answer.choices[0].message.content)), ["city"]);
    });

    test("responses", async () => {
      const response = await client.responses.create({ model, input: PROMPT, max_output_tokens: MOST });
      assert.equal(response.output_text, SAID);
      assert.equal(response.status, "completed");
    });

    test("streamed responses", async () => {
      const numbers = [];
      let text = "";
      const stream = client.responses.stream({ model, input: PROMPT, max_output_tokens: MOST });
      stream.on("event", (event) => numbers.push(event.sequence_number));
      stream.on("response.output_text.delta", (event) => (text += event.delta));
      const response = await stream.finalResponse();
      assert.equal(response.output_text, SAID);
      assert.equal(text, SAID);
      assert.deepEqual(numbers, [...numbers.keys()]);
    });

    test("a function is called in responses", async () => {
      const tools = [{ type: "function", name: "weather", parameters: CITY, strict: true }];
      const response = await client.responses.create({ model, input: CALL, tools, max_output_tokens: MOST });
      const calls = response.output.filter((item) => item.type === "function_call");
      assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.arguments)]), [["weather", CALLED]]);
    });

    test("an unknown model", async () => {
      const ask = client.chat.completions.create({ model: `${model}-of-nobody`, messages: user(PROMPT) });
      await assert.rejects(ask, (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
    });
  });
}

// Where nothing is said of it the package asks for base64, and unpacks that.
for (const model of ["openai/text-embedding-3-small", "bedrock/amazon.titan-embed-text-v2:0", "gemini/gemini-embedding-001"]) {
  test(`embeddings of ${model} are the same in either encoding`, async () => {
    const packed = await client.embeddings.create({ model, input: ["one", "two"] });
    const plain = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
    assert.equal(packed.data.length, 2);
    packed.data.forEach(({ embedding }, row) => {
      assert.equal(embedding.length, plain.data[row].embedding.length);
      embedding.forEach((number, place) => assert(Math.abs(number - plain.data[row].embedding[place]) < 1e-6));
    });
  });
}

test("legacy completions", async () => {
  let text = "";
  for await (const chunk of await client.completions.create({ model: "chat", prompt: PROMPT, stream: true })) text += chunk.choices[0].text;
  assert.equal(text, SAID);
});

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  for (const model of MODELS) assert(ids.includes(model));
});

test("errors are of their types", async () => {
  const ask = { model: "openai/gpt-4.1-mini", messages: user(PROMPT) };
  const poor = connect(await poorKey());
  await assert.rejects(connect("sk-forged").chat.completions.create(ask), OpenAI.AuthenticationError);
  await assert.rejects(poor.chat.completions.create(ask), (error) => error instanceof OpenAI.RateLimitError && error.code === "budget_exceeded");
  await assert.rejects(
    client.chat.completions.create({ ...ask, temperature: "warm" }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature",
  );
  await assert.rejects(client.chat.completions.create({ ...ask, messages: [], stream: true }), OpenAI.BadRequestError);
});

test("a stream that is left ends", async () => {
  const stream = await client.chat.completions.create({ model: "chat", messages: user("words=300"), stream: true });
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.choices.length;
    if (seen > 3) break;
  }
  assert(stream.controller.signal.aborted);
});
