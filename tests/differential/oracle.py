"""Runs where litellm is: jobs come in as JSON, each a call and the recorded answer to it; what litellm sent and understood goes out."""

import base64
import contextlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Nothing is asked of anybody but the recorder: a proxy that is not there stands before all else (litellm would fetch a picture's address).
os.environ |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
os.environ |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
import litellm

litellm.suppress_debug_info = True


class Recorder(BaseHTTPRequestHandler):
    sent: list = []
    answer: dict = {}

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/api/show"):  # litellm's own question to an Ollama, of what the model can do
            Recorder.sent.append(asked)
        body = base64.b64decode(Recorder.answer["body"])
        self.send_response(200)
        self.send_header("content-type", Recorder.answer["type"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def told(answer):
    usage = answer.usage
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    tokens = {
        "input": usage.prompt_tokens,
        "output": usage.completion_tokens,
        "cached": prompt and prompt.cached_tokens,
        "cache_write": getattr(usage, "cache_creation_input_tokens", None),
        "reasoning": completion and completion.reasoning_tokens,
    }
    return {"choices": [choice(each) for each in answer.choices], "tokens": tokens}


def choice(each):
    message = each.message
    return {
        "text": message.content or "",
        "reasoning": getattr(message, "reasoning_content", None) or "",
        "calls": [[call.function.name, call.function.arguments] for call in message.tool_calls or ()],
        "finish": each.finish_reason,
    }


def done(job, address):
    Recorder.sent, Recorder.answer = [], job["answer"]
    try:
        extra = {name: address if value == "ADDRESS" else value for name, value in job["options"].items()}
        answer = litellm.completion(**job["body"], **extra, num_retries=0, max_retries=0, timeout=20)
        if job["body"].get("stream"):
            answer = litellm.stream_chunk_builder(list(answer), messages=job["body"]["messages"])
        reply = told(answer)
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"[:300]}
    return {"sent": Recorder.sent[-1:], "reply": reply}


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.redirect_stdout(sys.stderr):
        results = [done(job, f"http://127.0.0.1:{server.server_port}") for job in json.load(sys.stdin)]
    json.dump(results, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # its own threads would go on


main()
