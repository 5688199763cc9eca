"""Anthropic's messages, at Anthropic and on Vertex. https://docs.claude.com/en/api/messages"""
