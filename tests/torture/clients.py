"""Clients that ask a local stack for a mixture, several at once; some of them leave."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

import httpx

from ..e2e.stack import PLAIN
from .mixture import Asked

AT_ONCE = 6
PATIENCE_S = 60
UNAVAILABLE = 503


class Clients:
    def __init__(self, url: str, sim_url: str, key: str, asked: Iterable[Asked]) -> None:
        self._url, self._sim_url, self._key = url, sim_url, key
        self._asked: Iterator[Asked] = iter(asked)
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.answered: set[str] = set()  # the head at the least, and by somebody who knew whose request it was

    def run(self) -> None:
        threads = [threading.Thread(target=self._go_on, daemon=True) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _go_on(self) -> None:
        with httpx.Client(verify=PLAIN, timeout=PATIENCE_S) as http:
            while asked := self._next():
                if asked.fault:
                    provider, fault = asked.fault
                    http.put(f"{self._sim_url}/faults/{provider}", json=dict(fault)).raise_for_status()
                outcome = "left before the head"
                with suppress(httpx.ReadTimeout):
                    outcome = self._ask(http, asked)
                with self._lock:
                    self.outcomes[outcome] += 1

    def _ask(self, http: httpx.Client, asked: Asked) -> str:
        headers = {"authorization": f"Bearer {self._key}"} | dict(asked.headers)
        timeout = httpx.Timeout(PATIENCE_S, read=asked.leaves_s) if asked.leaves_s else httpx.Timeout(PATIENCE_S)
        with http.stream("POST", self._url + asked.path, json=dict(asked.body), headers=headers, timeout=timeout) as answer:
            if answer.status_code != UNAVAILABLE:  # which may be said before anybody is known
                self.answered.add(asked.ref)
            if asked.pieces is not None and answer.is_success:
                for _ in zip(range(asked.pieces), answer.iter_raw(), strict=False):
                    pass
                return "left in the middle"
            try:
                for _ in answer.iter_raw():
                    pass
            except httpx.RemoteProtocolError:
                return "cut off"
            return str(answer.status_code)

    def _next(self) -> Asked | None:
        with self._lock:
            return next(self._asked, None)
