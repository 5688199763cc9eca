// The `@anthropic-ai/sdk` package, to one model of each wire format.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";

import { CALL, CALLED, CITY, KEY, MODELS, MOST, PROMPT, SAID, URL, poorKey } from "./stack.js";

const connect = (apiKey) => new Anthropic({ baseURL: URL, apiKey, maxRetries: 0, timeout: 60_000 });
const client = connect(KEY);
const user = (content) => [{ role: "user", content }];
const texts = (message) => message.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");

for (const model of MODELS) {
  describe(model, () => {
    test("a message", async () => {
      const message = await client.messages.create({ model, system: "be brief", messages: user(PROMPT), max_tokens: MOST });
      assert.equal(texts(message), SAID);
      assert.equal(message.stop_reason, "end_turn");
      assert(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
    });

    test("a stream by its helper", async () => {
      const events = [];
      let text = "";
      const stream = client.messages.stream({ model, messages: user(PROMPT), max_tokens: MOST });
      stream.on("streamEvent", (event) => events.push(event.type));
      stream.on("text", (delta) => (text += delta));
      const message = await stream.finalMessage();
      assert.equal(texts(message), SAID);
      assert.equal(text, SAID);
      const count = (kind) => events.filter((each) => each === kind).length;
      assert.deepEqual(["message_start", "message_delta", "message_stop"].map(count), [1, 1, 1]);
      assert.equal(count("content_block_start"), message.content.length);
      assert.equal(count("content_block_stop"), message.content.length);
    });

    test("a tool is called, streamed, and its result taken back", async () => {
      const tools = [{ name: "weather", description: "The weather.", input_schema: CITY }];
      const message = await client.messages.stream({ model, messages: user(CALL), tools, max_tokens: MOST }).finalMessage();
      const [call] = message.content.filter((block) => block.type === "tool_use");
      assert.deepEqual([message.stop_reason, call.name, call.input], ["tool_use", "weather", CALLED]);
      const result = { type: "tool_result", tool_use_id: call.id, content: "sunny" };
      const talk = [...user(CALL), { role: "assistant", content: message.content }, { role: "user", content: [result] }];
      const last = await client.messages.create({ model, messages: talk, tools, max_tokens: MOST });
      assert.equal(last.stop_reason, "end_turn");
      assert(texts(last));
    });

    test("an unknown model", async () => {
      const ask = client.messages.create({ model: `${model}-of-nobody`, messages: user(PROMPT), max_tokens: MOST });
      await assert.rejects(ask, Anthropic.NotFoundError);
    });
  });
}

for (const model of MODELS.slice(1, 4)) {
  test(`${model} thinks, and takes back what it thought`, async () => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const message = await client.messages.stream({ model, messages: user(PROMPT), thinking, max_tokens: 4000 }).finalMessage();
    assert.equal(message.content[0].type, "thinking");
    assert(message.content[0].thinking);
    assert.equal(texts(message), SAID);
    const talk = [...user(PROMPT), { role: "assistant", content: message.content }, ...user("say: again")];
    assert.equal(texts(await client.messages.create({ model, messages: talk, thinking, max_tokens: 4000 })), "again");
  });
}

test("errors are of their types", async () => {
  const ask = { model: MODELS[1], messages: user(PROMPT), max_tokens: MOST };
  const poor = connect(await poorKey());
  const typed = (type) => (error) => error instanceof Anthropic.APIError && error.error.error.type === type;
  await assert.rejects(connect("sk-forged").messages.create(ask), Anthropic.AuthenticationError);
  await assert.rejects(connect("sk-forged").messages.create(ask), typed("authentication_error"));
  await assert.rejects(poor.messages.create(ask), Anthropic.RateLimitError);
  await assert.rejects(client.messages.create({ ...ask, messages: [] }), Anthropic.BadRequestError);
  await assert.rejects(client.messages.create({ ...ask, max_tokens: 0 }), typed("invalid_request_error"));
});
