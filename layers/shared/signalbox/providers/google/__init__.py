"""Gemini's formats, at AI Studio and on Vertex. https://ai.google.dev/api"""
