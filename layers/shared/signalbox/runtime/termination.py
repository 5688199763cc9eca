"""SIGTERM: Lambda's word that this container ends, with SIGKILL 500 ms after it."""

import select
import signal
import socket

GRACE_S = 0.2  # for work in hand
LAST_S = 0.1  # for closing a body, and again for `after`; what is left of the 500 ms is for `shutdown`


class Termination:
    """An idle loop leaves at once, one at work when the work is done or the grace is over; both as SystemExit(0)."""

    def __init__(self) -> None:
        # A handler of Python's alone could miss a signal that comes just before the loop blocks; a byte to read cannot be missed.
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGALRM, self._on_grace_over)
        self._asked = self._over = False

    def wait(self, connection: socket.socket) -> None:
        """Returns when `connection` has something to read. To be called where no work is in hand."""
        while not self._asked:
            readable, _, _ = select.select([connection, self._woken], [], [])
            if connection in readable:
                return
            self._woken.recv(64)
        raise SystemExit(0)

    def over(self) -> None:
        """From here on nothing is interrupted."""
        self._over = True
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_term(self, *_: object) -> None:
        if not self._asked:
            self._asked = True
            signal.setitimer(signal.ITIMER_REAL, GRACE_S, LAST_S)

    def _on_grace_over(self, *_: object) -> None:
        if not self._over:
            raise SystemExit(0)
