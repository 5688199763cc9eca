"""Writes a Llama of random weights, the same each time: `.tools/llama/bin/python tests/llama/tiny_gguf.py FILE`.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md  It reads and writes a sign at a time, and says nothing that means anything.
"""

import sys

import gguf
import numpy

SEED = 7
WINDOW = 4_096
LAYERS, WIDTH, HEADS, INNER = 2, 64, 4, 128
SIGNS = "▁\n" + "".join(map(chr, range(33, 127)))
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] or '' }}\n{% endfor %}assistant: "

SPECIAL = [("<unk>", gguf.TokenType.UNKNOWN), ("<s>", gguf.TokenType.CONTROL), ("</s>", gguf.TokenType.CONTROL)]
BYTES = [(f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)]
VOCABULARY = SPECIAL + BYTES + [(sign, gguf.TokenType.NORMAL) for sign in SIGNS]
UNSAID = len(SPECIAL) + len(BYTES)


def write(path: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(WINDOW)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_pooling_type(gguf.PoolingType.MEAN)  # where it embeds: one vector a text, not one a token
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in VOCABULARY])
    writer.add_token_types([kind for _, kind in VOCABULARY])
    writer.add_token_scores([0.0] * len(VOCABULARY))
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    draw = numpy.random.default_rng(SEED)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", draw.normal(0, WIDTH**-0.5, shape).astype(numpy.float32))

    def add_ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, numpy.float32))

    add("token_embd", len(VOCABULARY), WIDTH)
    for layer in range(LAYERS):
        add_ones(f"blk.{layer}.attn_norm")
        for part in ("q", "k", "v", "output"):
            add(f"blk.{layer}.attn_{part}", WIDTH, WIDTH)
        add_ones(f"blk.{layer}.ffn_norm")
        add(f"blk.{layer}.ffn_gate", INNER, WIDTH)
        add(f"blk.{layer}.ffn_up", INNER, WIDTH)
        add(f"blk.{layer}.ffn_down", WIDTH, INNER)
    add_ones("output_norm")
    output = draw.normal(0, 1, (len(VOCABULARY), WIDTH)).astype(numpy.float32)
    output[:UNSAID] = 0  # there is always a sign that is likelier than an end or half a letter
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
