#!/usr/bin/env python3
"""Writes the seeds of fuzz_safetensors, tests/fuzz/corpus/safetensors: a byte that chooses the reader, then what it reads.

What the fuzzer finds beyond these is added to the folder as it is, under the name of the fault.
"""
import json
import pathlib
import struct

from make_gguf_corpus import byte_tokens

OUT = pathlib.Path(__file__).resolve().parent / "corpus/safetensors"
HEADER, WEIGHTS, CONFIG, VOCAB, TOKENIZER, TOKENIZER_CONFIG, INDEX = range(7)
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "BOOL": 1}


def safetensors(tensors, length=None, metadata=None):
    """tensors: name -> (dtype, shape); the data are zeros."""
    header, size = {"__metadata__": metadata} if metadata else {}, 0
    for name, (dtype, shape) in tensors.items():
        count = BYTES[dtype]
        for dim in shape:
            count *= dim
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [size, size + count]}
        size += count
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(size)


def model(dtype):
    """The folder's that the fuzz target makes: one layer, width 32, a context of 16, 262 tokens."""
    tensors = {"wte.weight": (dtype, [262, 32]), "wpe.weight": (dtype, [16, 32]), "ln_f.weight": (dtype, [32]),
               "ln_f.bias": (dtype, [32])}
    for name, shape in {"ln_1": [32], "attn.c_attn": [32, 96], "attn.c_proj": [32, 32], "ln_2": [32],
                        "mlp.c_fc": [32, 128], "mlp.c_proj": [128, 32]}.items():
        tensors[f"h.0.{name}.weight"] = (dtype, shape)
        tensors[f"h.0.{name}.bias"] = (dtype, shape[-1:])
    return tensors


def tokens():
    return byte_tokens() + ["th", "the", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>"]


def seeds():
    two = {"a": ("F32", [2, 3]), "b": ("F16", [4])}
    yield "header_two", HEADER, safetensors(two, metadata={"format": "pt"})
    yield "header_long", HEADER, safetensors(two, length=2**63)
    yield "header_short", HEADER, safetensors(two, length=1)
    yield "header_empty", HEADER, safetensors({})
    yield "header_duplicate", HEADER, safetensors({"a": ("F32", [1]), "b": ("F32", [1])}).replace(b'"b"', b'"a"')
    yield "header_deep", HEADER, struct.pack("<Q", 40) + b'{"a":' + b"[" * 35
    yield "weights_f16", WEIGHTS, safetensors(model("F16"))
    yield "weights_html", WEIGHTS, b"<!DOCTYPE html><html>"
    yield "weights_missing", WEIGHTS, safetensors(two)
    config = {"model_type": "gpt2", "vocab_size": 262, "n_positions": 16, "n_embd": 32, "n_layer": 1, "n_head": 2}
    yield "config", CONFIG, json.dumps(config).encode()
    yield "config_llama", CONFIG, b'{"model_type": "llama"}'
    vocabulary = {token: i for i, token in enumerate(tokens())}
    yield "vocab", VOCAB, json.dumps(vocabulary, separators=(",", ":")).encode()
    yield "vocab_gap", VOCAB, b'{"a": 0, "b": 2}'
    yield "tokenizer", TOKENIZER, json.dumps({
        "added_tokens": [{"id": 258, "content": "<|endoftext|>", "special": True}], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["t h", ["th", "e"]]}}, separators=(",", ":")).encode()
    yield "tokenizer_wordpiece", TOKENIZER, b'{"model": {"type": "WordPiece"}}'
    yield "tokenizer_config", TOKENIZER_CONFIG, json.dumps({
        "bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>"}, "chat_template": "{{ t }}",
        "added_tokens_decoder": {"261": {"content": "<|system|>", "special": True}}}).encode()
    yield "tokenizer_config_long", TOKENIZER_CONFIG, json.dumps({
        "added_tokens_decoder": {"262": {"content": "x" * 9000, "special": True}}}).encode()
    yield "index", INDEX, json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}).encode()
    yield "index_outside", INDEX, b'{"weight_map": {"a": "../1.safetensors"}}'


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, choice, data in seeds():
        (OUT / name).write_bytes(bytes([choice]) + data)


if __name__ == "__main__":
    main()
