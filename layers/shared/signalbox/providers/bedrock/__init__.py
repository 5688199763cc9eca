"""Bedrock's Converse, and embeddings by InvokeModel. https://docs.aws.amazon.com/bedrock/latest/APIReference/"""
