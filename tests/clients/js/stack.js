// The stack that `make test-js` has started, and what all clients ask of it.

import assert from "node:assert/strict";

const { SIGNALBOX_URL, SIGNALBOX_KEY, SIGNALBOX_ADMIN_KEY } = process.env;
assert(SIGNALBOX_URL, "no stack: run these by `make test-js`");

export const URL = SIGNALBOX_URL;
export const KEY = SIGNALBOX_KEY;

// One of each wire format.
export const MODELS = [
  "openai/gpt-4.1-mini",
  "anthropic/claude-haiku-4-5-20251001",
  "bedrock/anthropic.claude-sonnet-4-5-20250929",
  "gemini/gemini-2.5-flash",
  "ollama/llama3.1:latest",
];
export const SAID = "the line is open";
export const PROMPT = `say: ${SAID}`;
export const CALLED = { city: "Bern" };
export const CALL = `call weather ${JSON.stringify(CALLED)}`;
export const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
export const MOST = 2000;

// A key whose budget affords nothing.
export async function poorKey() {
  const made = await admin("/admin/keys", { name: "poor", tenant: "poor", team: "default" });
  await admin("/admin/budgets", { scope: "key", id: made.id, period: "day", limit_usd: 0.000000001, hard: true });
  return made.secret;
}

async function admin(path, body) {
  const headers = { authorization: `Bearer ${SIGNALBOX_ADMIN_KEY}`, "content-type": "application/json" };
  const answer = await fetch(URL + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}
