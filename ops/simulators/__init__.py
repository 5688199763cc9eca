"""Upstreams that speak the providers' wire formats on loopback, misbehave on request, and keep an honest bill.

They are the oracle that Signalbox is tested against, so they share no line of code with it. README.md says what they understand.
"""

from .server import Simulators

__all__ = ["Simulators"]
