"""Ollama's own format. https://docs.ollama.com/api"""
