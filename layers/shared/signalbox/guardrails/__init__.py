"""Hooks before the call and after the answer: each may allow, change or refuse."""
