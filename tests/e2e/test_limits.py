"""Limits as OpenAI's client meets them: it is told when to come back, comes back by itself, and is served."""

import openai
import pytest

PATIENT = "openai/gpt-5-mini"  # which is given a minute for each of its chunks
SAY = {"model": "chat", "messages": [{"role": "user", "content": "say: hi"}]}


def refused(client):
    with pytest.raises(openai.RateLimitError) as refusal:
        client.chat.completions.create(**SAY)
    return refusal.value


def refused_in_time(client):
    """As long as minutes end among them, more is served."""
    while True:
        try:
            client.chat.completions.create(**SAY)
        except openai.RateLimitError as error:
            return error


def test_answers_tell_what_is_left(client):
    headers = client.chat.completions.with_raw_response.create(**SAY).headers
    assert 0 < int(headers["x-ratelimit-remaining-requests"]) < int(headers["x-ratelimit-limit-requests"])
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < int(headers["x-ratelimit-limit-tokens"])


def test_one_more_than_a_minute_has_is_told_how_long_to_wait(stack, new_key):
    client = stack.client(new_key(limits={"requests_per_minute": 3})["secret"])
    error = refused_in_time(client)
    assert error.code == "rate_limited"
    headers = error.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("3", "0")


def test_who_finds_all_places_taken_comes_again_when_told_and_is_served(stack, new_key, faults, told_nothing_more):
    secret = new_key(limits={"concurrency": 1})["secret"]
    faults("openai", hold_after_chunks=2, times=1)
    under_way = stack.client(secret).chat.completions.create(**SAY | {"model": PATIENT}, stream=True)
    next(iter(under_way))
    assert refused(stack.client(secret)).response.headers["retry-after"] == "1"
    told_nothing_more("openai")
    patient = stack.client(secret).with_options(max_retries=60)
    assert patient.chat.completions.create(**SAY).choices[0].message.content == "hi"
    under_way.close()


@pytest.mark.parametrize("limit", ["requests_per_minute", "concurrency"])
def test_a_suspended_key_is_told_so_and_not_to_come_again(stack, new_key, limit):
    with pytest.raises(openai.PermissionDeniedError, match="is suspended"):
        stack.client(new_key(limits={limit: 0})["secret"]).chat.completions.create(**SAY)
