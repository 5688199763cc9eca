"""`python -m llama_cpp.server` as a subprocess. https://llama-cpp-python.readthedocs.io/en/latest/server/"""

import json
import re
import subprocess
import threading

import httpx

START_S = 60
STOP_S = 10
READY = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")
LOG_CHARS = 4_000


class Server:
    """One model under two names: `tiny` writes, `tiny-embed` embeds. It serves one request after the other."""

    def __init__(self, python, model, config, **settings):
        shared = {"model": str(model), "n_threads": 1, "n_threads_batch": 1}
        models = [shared | {"model_alias": "tiny", "n_ctx": 0}, shared | {"model_alias": "tiny-embed", "embedding": True}]
        config.write_text(json.dumps({"host": "127.0.0.1", "port": 0, "models": models} | settings))
        self.output = ""
        self._told = threading.Condition()
        command = [python, "-u", "-m", "llama_cpp.server", "--config_file", config]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self):
        return READY.search(self.until(READY.pattern, START_S))[1]

    def until(self, pattern, within_s):
        """What it has printed, once that has the pattern; AssertionError where it never comes."""
        with self._told:
            found = self._told.wait_for(lambda: re.search(pattern, self.output), within_s)
        assert found, f"{pattern!r} not within {within_s} s:\n{self.output[-LOG_CHARS:]}"
        return self.output

    def ask(self, path, **body):
        """Itself, past Signalbox."""
        return httpx.post(self.url + path, json={"model": "tiny"} | body, timeout=30).raise_for_status().json()

    def says(self, messages, **more):
        return self.ask("/v1/chat/completions", messages=messages, temperature=0, **more)["choices"][0]["message"]["content"]

    def count(self, text):
        """Of tokens, by its own tokenizer; without the mark that it puts at the beginning of what is no chat."""
        counts = [self.ask("/extras/tokenize/count", input=each)["count"] for each in (text, "")]
        return counts[0] - counts[1]

    def kill(self):
        self._process.kill()
        self._process.wait(STOP_S)
        self._reader.join()

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                with self._told:
                    self.output += line
                    self._told.notify_all()
