"""OpenAI's chat completions, Responses and embeddings, and whoever speaks the same. https://platform.openai.com/docs/api-reference"""
