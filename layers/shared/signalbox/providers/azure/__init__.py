"""OpenAI's formats at Azure's addresses. https://learn.microsoft.com/azure/ai-foundry/openai/reference"""
