"""Signalbox: an event-driven, serverless router for LLM requests. The shared layer; functions import it, it imports none of them."""

__version__ = "0.1.0"
