#!/usr/bin/env python3
"""Writes a GPT-2 in GGUF with reproducible random weights, for speed and memory: the text it writes is noise.

    random_gpt2.py OUT.gguf [--size 124M] [--type q8_0] [--seed 0]
    random_gpt2.py FOLDER --checkpoint [--size 124M] [--seed 0]     the same weights as Hugging Face has them, in f32

The same size and seed give the same f32 weights whatever the type. Names and layouts are those of llama.cpp's converter:
linear weights [out, in], f32 norms, biases and positions, no output.weight, since GPT-2's head is its embedding. In a Q4_0
file the embedding is Q8_0, because llama.cpp's quantizer keeps the head wider too. A checkpoint is config.json, vocab.json,
merges.txt and model.safetensors, in which linear weights are [in, out]. Needs numpy; the vocabulary is made from
tests/golden/gpt2/merges.txt.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

# layers, width, heads
SIZES = {"16M": (4, 256, 4), "124M": (12, 768, 12), "355M": (24, 1024, 16), "774M": (36, 1280, 20)}
CONTEXT = 1024
MERGES = pathlib.Path(__file__).parent.parent / "tests/golden/gpt2/merges.txt"
GGML_TYPE = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8}
FILE_TYPE = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}  # general.file_type
END_OF_TEXT = "<|endoftext|>"
HF_NAMES = {"token_embd": "wte", "position_embd": "wpe", "output_norm": "ln_f", "blk": "h", "attn_norm": "ln_1",
            "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc",
            "ffn_down": "mlp.c_proj"}


def vocabulary():
    """GPT-2's (tokens, merges): 256 bytes in the order of its encoder.py, one token a merge, the end of text."""
    merges = [line for line in MERGES.read_text().split("\n") if line and not line.startswith("#version")]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    return alphabet + [merge.replace(" ", "") for merge in merges] + [END_OF_TEXT], merges


def tensors(size, vocab, seed):
    """Yields (name, is_matrix, f32 array) in file order."""
    layers, width, _ = SIZES[size]
    rng = np.random.Generator(np.random.Philox(seed))

    def normal(shape, deviation, mean=0.0):
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation) + np.float32(mean)

    def norm(name):
        yield f"{name}.weight", False, normal(width, 0.1, 1.0)
        yield f"{name}.bias", False, normal(width, 0.02)

    def linear(name, outputs, inputs):
        yield f"{name}.weight", True, normal((outputs, inputs), 0.02)
        yield f"{name}.bias", False, normal(outputs, 0.02)

    yield "token_embd.weight", True, normal((vocab, width), 0.02)
    yield "position_embd.weight", False, normal((CONTEXT, width), 0.01)
    for layer in range(layers):
        block = f"blk.{layer}"
        yield from norm(f"{block}.attn_norm")
        yield from linear(f"{block}.attn_qkv", 3 * width, width)
        yield from linear(f"{block}.attn_output", width, width)
        yield from norm(f"{block}.ffn_norm")
        yield from linear(f"{block}.ffn_up", 4 * width, width)
        yield from linear(f"{block}.ffn_down", width, 4 * width)
    yield from norm("output_norm")


def quantize(values, kind):
    """f32 array -> bytes of ggml type `kind`, rounding as ggml's reference quantizers do."""
    if kind == "f32":
        return values.astype("<f4").tobytes()
    if kind == "f16":
        return values.astype("<f2").tobytes()
    blocks = values.reshape(-1, 32)
    if kind == "q8_0":  # f16 scale, 32 signed bytes, rounded half away from zero
        scale = np.abs(blocks).max(1) / np.float32(127)
    else:  # q4_0: f16 scale, 16 bytes: low nibbles are values 0..15, high nibbles 16..31, code = value / scale + 8
        scale = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(1)] / np.float32(-8)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    if kind == "q8_0":
        scaled = blocks * inverse[:, None]
        packed = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8).view(np.uint8)
    else:
        shifted = np.float64(blocks) * np.float64(inverse[:, None]) + 8.5  # one rounding, as a fused multiply-add does
        codes = np.minimum(15, np.trunc(shifted.astype(np.float32))).astype(np.uint8)
        packed = codes[:, :16] | (codes[:, 16:] << 4)
    return np.concatenate([scale.astype("<f2").view(np.uint8).reshape(-1, 2), packed], axis=1).tobytes()


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, value):
    """One metadata entry of GGUF version 3; the numbers are its type ids."""
    if isinstance(value, str):
        return string(key) + struct.pack("<I", 8) + string(value)
    if isinstance(value, float):
        return string(key) + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return string(key) + struct.pack("<II", 4, value)
    if isinstance(value[0], str):
        return string(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(string, value))
    return string(key) + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


def metadata(size, kind, tokens, merges):
    layers, width, heads = SIZES[size]
    end = len(tokens) - 1
    return [entry(key, value) for key, value in {
        "general.architecture": "gpt2", "general.name": f"random-gpt2-{size}", "general.file_type": FILE_TYPE[kind],
        "gpt2.context_length": CONTEXT, "gpt2.embedding_length": width, "gpt2.block_count": layers,
        "gpt2.feed_forward_length": 4 * width, "gpt2.attention.head_count": heads,
        "gpt2.attention.layer_norm_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * end + [3], "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": end, "tokenizer.ggml.eos_token_id": end,
    }.items()]


def write_gguf(path, size, kind, seed):
    tokens, merges = vocabulary()
    entries = metadata(size, kind, tokens, merges)
    infos, data, offset = [], [], 0
    for name, is_matrix, values in tensors(size, len(tokens), seed):
        stored = kind if is_matrix else "f32"
        if name == "token_embd.weight" and kind == "q4_0":
            stored = "q8_0"
        raw = quantize(values, stored)
        infos.append(string(name) + struct.pack("<I", values.ndim)
                     + struct.pack(f"<{values.ndim}Q", *reversed(values.shape))
                     + struct.pack("<IQ", GGML_TYPE[stored], offset))
        data.append(raw + b"\0" * (-len(raw) % 32))
        offset += len(data[-1])
    header = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(entries)) + b"".join(entries + infos)
    with open(path, "wb") as file:
        file.write(header + b"\0" * (-len(header) % 32))
        file.writelines(data)


def write_checkpoint(folder, size, seed):
    layers, width, heads = SIZES[size]
    tokens, merges = vocabulary()
    folder.mkdir(parents=True)
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": len(tokens),
              "n_positions": CONTEXT, "n_ctx": CONTEXT, "n_embd": width, "n_layer": layers, "n_head": heads,
              "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "bos_token_id": len(tokens) - 1,
              "eos_token_id": len(tokens) - 1}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    header, data, offset = {}, [], 0
    for name, is_matrix, values in tensors(size, len(tokens), seed):
        if is_matrix and name.startswith("blk."):
            values = np.ascontiguousarray(values.T)
        end = offset + values.nbytes
        hf_name = ".".join(HF_NAMES.get(part, part) for part in name.split("."))
        header[hf_name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [offset, end]}
        data.append(values)
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in data:
            file.write(values.data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument("--size", choices=SIZES, default="124M")
    parser.add_argument("--type", choices=GGML_TYPE, default="q8_0")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.checkpoint:
        write_checkpoint(arguments.out, arguments.size, arguments.seed)
    else:
        write_gguf(arguments.out, arguments.size, arguments.type, arguments.seed)
