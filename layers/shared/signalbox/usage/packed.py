"""JSON packed for the usage table, where each begun KB is paid for: canonical text, compressed with a text that it mostly repeats."""

import json
import zlib
from typing import Any

# What events and sums look like. The likeliest words stand last, where they are cheapest to refer to. A stored value names the text
# that it was packed with, by its checksum in zlib's own header: this one is never changed, a better one is put beside it.
SUMS = (
    '"compared":1,"compared_baseline_nanousd":1,"compared_cost_nanousd":1,"decided":1,"flag:cost_optimization":1,"flag:fallback":1,'
    '"flag:intelligent_routing":1,"flag:monitoring":1,"flag:routing_policies":1,"served:anthropic":1,"served:bedrock":1,'
    '"served:mistral":1,"served:openai":1,"slow":1,"trigger:timeout":1,"trigger:rate_limited":1,"trigger:server":1,"fallbacks":1,'
    '"ttft_ms":1,"answered_ms":1,"firsts":1,"refused":1,"failed":1,"estimated":1,"cached":1,"cache_write":1,"reasoning":1,'
    '{"agent":{"/":{"all":{"all":{"key":{"model":{"model:openai/gpt-":1,"policy":{"default":{"provider":{"anthropic":{"openai":{"report":{'
    '"route":{"tag":{"team":{"default/key//model//route//":{"tenant":{"user":{"2026-11-21T03":{"d70":1,"d71":1,"d72":1,"t60":1,"t61":1,'
    '"attempts":1,"baseline_cost_nanousd":1,"cost_nanousd":1,"duration_ms":1,"input":1,"output":1,"requests":1}}}'
)
DETAIL = (
    '"agent":"","refused_by":null,"lease":"","ttft_ms":null,"retry_after_s":1,"purpose":"hedge","purpose":"mirror","outcome":"server",'
    '"outcome":"timeout","outcome":"rate_limited","outcome":"budget_exceeded","outcome":"no_route","outcome":"upstream_failed",'
    '"finish":"tool_calls","finish":"length","target":"anthropic/claude-sonnet-4","target":"bedrock/","target":"mistral/mistral-small-latest",'
    '"target":"openai/gpt-4o-mini","target":"openai/gpt-4.1-mini","strategy":"latency","strategy":"lowest_cost","strategy":"priority",'
    '"cache":"hit","slow":true,"stream":true,"tags":["user":"","period_by_scope":{"key#local":["day#2026-11-21","month#2026-11"],'
    '"team#":["month#2026-11"],"tenant#":["day#2026-11-21","month#2026-11"]},'
    '{"at_ms":1795230000000,"attempts":[{"at_ms":1795230000000,"cost_nanousd":0,"duration_ms":1,"estimated":false,"generation":0,'
    '"outcome":"ok","status":200,"target":"openai/gpt-","tokens":{"cache_write":0,"cached":0,"input":1,"output":1,"reasoning":0},'
    '"ttft_ms":1}],"baseline_cost_nanousd":0,"cache":"none","compared":true,"config_version":1,"cost_nanousd":0,"decided":"",'
    '"decision":"","default_target":"openai/gpt-5","duration_ms":1,"estimated":false,'
    '"features":{"complexity":0,"conversation":"","dialect":"openai_chat","fallbacks":[],"headers":{},"input_bound":1,"input_tokens":1,'
    '"max_tokens":64,"n":1,"user":"","uses":[]},"finish":"stop","flags":["cost_optimization","fallback","intelligent_routing",'
    '"monitoring","routing_policies"],"id":"req_","key":"k","lease":"","model":"auto","outcome":"ok","period_by_scope":{},'
    '"policies":["auto-easy"],"policy":"default","prompt_chars":1,"provider":"openai","refused_by":null,"route":"chat","status":200,'
    '"strategy":"priority","stream":false,"tags":[],"target":"openai/","team":"default","tenant":"local","tokens":{"cache_write":0,'
    '"cached":0,"input":1,"output":1,"reasoning":0},"ttft_ms":1,"version":1}'
)
TEXTS = {zlib.adler32(text.encode()): text.encode() for text in (SUMS, DETAIL)}


def pack(value: Any, text: str) -> bytes:
    """Of what JSON takes. `text` is one of those above."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zdict=text.encode())
    return packer.compress(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()) + packer.flush()


def unpack(packed: bytes) -> Any:
    """RFC 1950: after two bytes, the checksum of the text that it was packed with."""
    unpacker = zlib.decompressobj(zdict=TEXTS[int.from_bytes(packed[2:6], "big")])
    return json.loads(unpacker.decompress(packed) + unpacker.flush())
