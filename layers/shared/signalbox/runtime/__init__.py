"""The Lambda runtime loop: the managed Python runtime cannot stream, nor work after the answer.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""
