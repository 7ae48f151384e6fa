#!/usr/bin/env python3
"""Writes the seeds of fuzz_gguf, tests/fuzz/corpus/gguf: one small model that loads, and files with one thing wrong.

What the fuzzer finds beyond these is added to the folder as it is, under the name of the fault.
"""
import pathlib
import struct

OUT = pathlib.Path(__file__).resolve().parent / "corpus/gguf"
U8, U32, F32, BOOL, STRING, ARRAY = 0, 4, 6, 7, 8, 9
T_F32, T_F16, T_Q4_0, T_Q8_0 = 0, 1, 2, 8
BLOCK = {T_F32: (1, 4), T_F16: (1, 2), T_Q4_0: (32, 18), T_Q8_0: (32, 34)}
# Types that are decoded only: number -> values and bytes of a block.
T_Q4_1, T_Q5_0, T_Q5_1, T_IQ4_NL = 3, 6, 7, 20
BLOCK |= {T_Q4_1: (32, 20), T_Q5_0: (32, 22), T_Q5_1: (32, 24), T_IQ4_NL: (32, 18)}
K_QUANTS = {"q2_k": 10, "q3_k": 11, "q4_k": 12, "q5_k": 13, "q6_k": 14}
BLOCK |= {10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210)}


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def u32(value):
    return struct.pack("<I", value)


def array(kind, values):
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def tensor(name, dims, kind, offset):
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def size(dims, kind):
    values = 1
    for dim in dims:
        values *= dim
    block, block_bytes = BLOCK[kind]
    return values // block * block_bytes


def file(entries, tensors, data=None, version=3, counts=None):
    """tensors: (name, dims fastest first, type); the data are zeros."""
    infos, offset = [], 0
    for name, dims, kind in tensors:
        infos.append(tensor(name, dims, kind, offset))
        offset += (size(dims, kind) + 31) // 32 * 32
    n_tensors, n_entries = counts or (len(tensors), len(entries))
    header = b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_entries) + b"".join(entries + infos)
    return header + bytes(-len(header) % 32) + (bytes(offset) if data is None else data)


def byte_tokens():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


def model_entries(architecture="gpt2", heads=1, mlp=32):
    return [entry("general.architecture", STRING, text(architecture)),
            entry("gpt2.context_length", U32, u32(8)), entry("gpt2.embedding_length", U32, u32(32)),
            entry("gpt2.block_count", U32, u32(1)), entry("gpt2.feed_forward_length", U32, u32(mlp)),
            entry("gpt2.attention.head_count", U32, u32(heads)),
            entry("gpt2.attention.layer_norm_epsilon", F32, struct.pack("<f", 1e-5)),
            entry("tokenizer.ggml.model", STRING, text("gpt2")),
            entry("tokenizer.ggml.tokens", ARRAY, array(STRING, [text(token) for token in byte_tokens() + ["th"]])),
            entry("tokenizer.ggml.token_type", ARRAY, array(5, [u32(1)] * 257)),
            entry("tokenizer.ggml.merges", ARRAY, array(STRING, [text("t h")])),
            entry("tokenizer.ggml.add_bos_token", BOOL, b"\0")]


def model_tensors(down=None):
    """All matrices Q4_0; or, with the type of ffn_down, whose rows are then as long as a K-quant's block, one type each."""
    mlp = 256 if down else 32
    embedding, qkv, output, up = (T_IQ4_NL, T_Q4_1, T_Q5_0, T_Q5_1) if down else [T_Q4_0] * 4
    vectors = {"attn_norm.weight": 32, "attn_norm.bias": 32, "attn_qkv.bias": 96, "attn_output.bias": 32,
               "ffn_norm.weight": 32, "ffn_norm.bias": 32, "ffn_up.bias": mlp, "ffn_down.bias": 32}
    matrices = {"attn_qkv.weight": ([32, 96], qkv), "attn_output.weight": ([32, 32], output),
                "ffn_up.weight": ([32, mlp], up), "ffn_down.weight": ([mlp, 32], down or T_Q4_0)}
    return ([("token_embd.weight", [32, 257], embedding), ("position_embd.weight", [32, 8], T_F32)]
            + [(f"blk.0.{name}", [width], T_F32) for name, width in vectors.items()]
            + [(f"blk.0.{name}", *matrix) for name, matrix in matrices.items()]
            + [("output_norm.weight", [32], T_F32), ("output_norm.bias", [32], T_F32)])


def seeds():
    yield "model_q4_0", file(model_entries(), model_tensors())
    for name, number in K_QUANTS.items():
        yield f"model_{name}", file(model_entries(mlp=256), model_tensors(number))
    yield "empty", b""
    yield "magic_only", b"GGUF"
    yield "html", b"<!DOCTYPE html><html>"
    yield "no_tensors", file(model_entries()[:2], [])
    yield "version_1", file([], [], version=1)
    yield "counts_huge", file([], [], counts=(2**63, 2**64 - 1))
    yield "key_past_end", file([struct.pack("<Q", 500) + b"key"], [], counts=(0, 1))
    yield "array_wraps", file([entry("a", ARRAY, struct.pack("<IQ", 10, 2**61))], [])
    yield "array_nested", file([entry("a", ARRAY, struct.pack("<IQ", ARRAY, 1) + array(U8, [b"\1"]))], [])
    yield "alignment_13", file([entry("general.alignment", U32, u32(13))], [])
    yield "alignment_64", file([entry("general.alignment", U32, u32(64))], [("t", [16], T_F32)])
    yield "every_type", file([entry("u8", 0, b"\1"), entry("i16", 3, b"\1\0"), entry("u32", U32, u32(7)),
                              entry("f32", F32, u32(0)), entry("yes", BOOL, b"\1"), entry("text", STRING, text("x")),
                              entry("texts", ARRAY, array(STRING, [text("a"), text("")])),
                              entry("u64", 10, bytes(8)), entry("f64", 12, bytes(8))], [])
    yield "duplicate_key", file([entry("a", U8, b"\1"), entry("a", U8, b"\1")], [])
    yield "dims_wrap", file([], [], data=b"", counts=(1, 0)) + tensor("t", [2**32, 2**32], T_F32, 0)
    yield "row_not_block", file([], [("t", [33], T_F32)]).replace(u32(T_F32) + bytes(8), u32(T_Q8_0) + bytes(8), 1)
    yield "two_tensors", file([], [("a", [8], T_F32), ("b", [32], T_Q8_0)])
    yield "other_architecture", file(model_entries("mamba"), [("token_embd.weight", [32, 2], T_Q8_0)])
    yield "heads_0", file(model_entries(heads=0), [("token_embd.weight", [32, 2], T_Q8_0)])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (OUT / name).write_bytes(data)


if __name__ == "__main__":
    main()
