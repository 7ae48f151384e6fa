#!/usr/bin/env python3
"""Writes a GGUF file again with its matrices in another of ggml's types, those that `parley quantize` does not write included.

    requantize.py IN.gguf OUT.gguf TYPE [--every] [--stretch]

TYPE is one of Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, BF16, F16, F32, Q8_0, Q4_0

For holding Parley against llama.cpp on such files (scripts/check_llama_cpp.mjs). The quantizers of the K types here are plain
ones, a scale from each group's extremes; llama.cpp's search for better scales in the same blocks. Matrices whose rows are no
multiple of the type's block become Q8_0; it prints how many of the matrices have the type, and with --every it is an error
when one has not. --stretch adds rope_freqs.weight to a llama, as Llama 3.1's files have it. Metadata stays, byte for byte.
Needs PyPI's gguf (0.16 or newer).
"""
import argparse
import pathlib
import struct
import sys

import gguf
import numpy as np

Type = gguf.GGMLQuantizationType
IQ4_NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)


def halves(values):
    """f16 bytes of each, and what they are as f32."""
    rounded = values.astype(np.float16)
    return rounded.reshape(-1, 1).view(np.uint8), rounded.astype(np.float32)


def divide(values, scale):
    return np.divide(values, scale, out=np.zeros_like(values), where=scale != 0)


def signed_groups(blocks, size, low, high, scale_max):
    """Codes [n, groups, size] from low to high, integer scales [n, groups], and the f16 scale of these."""
    groups = blocks.reshape(len(blocks), -1, size)
    wanted = np.abs(groups).max(-1) / high
    raw, d = halves(wanted.max(-1) / scale_max)
    scales = np.clip(np.round(divide(wanted, d[:, None])), -scale_max, scale_max)
    codes = np.clip(np.round(divide(groups, (d[:, None] * scales)[..., None])), low, high)
    return codes.astype(np.int32), scales.astype(np.int32), raw


def affine_groups(blocks, size, code_max, scale_max):
    """Codes [n, groups, size], scales and minima [n, groups], and the f16 scales of both."""
    groups = blocks.reshape(len(blocks), -1, size)
    minimum = np.maximum(-groups.min(-1), 0)
    wanted = np.maximum(groups.max(-1) + minimum, 0) / code_max
    raw_d, d = halves(wanted.max(-1) / scale_max)
    raw_m, m = halves(minimum.max(-1) / scale_max)
    scales = np.clip(np.round(divide(wanted, d[:, None])), 0, scale_max)
    minima = np.clip(np.round(divide(minimum, m[:, None])), 0, scale_max)
    shifted = groups + (m[:, None] * minima)[..., None]
    codes = np.clip(np.round(divide(shifted, (d[:, None] * scales)[..., None])), 0, code_max)
    return codes.astype(np.uint8), scales.astype(np.uint8), minima.astype(np.uint8), raw_d, raw_m


def planes(codes, shape, bits):
    """Codes as [n, *shape] whose axis 2 shares bytes: the first lowest."""
    codes = codes.astype(np.uint8).reshape(len(codes), *shape)
    return sum(codes[:, :, i] << (bits * i) for i in range(shape[1])).astype(np.uint8).reshape(len(codes), -1)


def nibbles(codes, size):
    return planes(codes, (-1, 2, size), 4)


def six_bits(scales, minima):
    top = [scales[:, :4] | (scales[:, 4:] >> 4) << 6, minima[:, :4] | (minima[:, 4:] >> 4) << 6]
    return np.concatenate(top + [(scales[:, 4:] & 15) | (minima[:, 4:] & 15) << 4], axis=1)


def q2_k(blocks):
    codes, scales, minima, d, m = affine_groups(blocks, 16, 3, 15)
    return [scales | minima << 4, planes(codes, (2, 4, 32), 2), d, m]


def q3_k(blocks):
    codes, scales, d = signed_groups(blocks, 16, -4, 3, 31)
    codes, scales = codes + 4, (scales + 32).astype(np.uint8)
    low = (scales[:, :8] & 15) | (scales[:, 8:] & 15) << 4
    return [planes(codes >> 2, (1, 8, 32), 1), planes(codes & 3, (2, 4, 32), 2), low,
            planes(scales >> 4, (1, 4, 4), 2), d]


def q4_k(blocks):
    codes, scales, minima, d, m = affine_groups(blocks, 32, 15, 63)
    return [d, m, six_bits(scales, minima), nibbles(codes, 32)]


def q5_k(blocks):
    codes, scales, minima, d, m = affine_groups(blocks, 32, 31, 63)
    return [d, m, six_bits(scales, minima), planes(codes >> 4, (1, 8, 32), 1), nibbles(codes & 15, 32)]


def q6_k(blocks):
    codes, scales, d = signed_groups(blocks, 16, -32, 31, 127)
    codes = codes + 32
    return [nibbles(codes & 15, 64), planes(codes >> 4, (2, 4, 32), 2), scales.astype(np.int8).view(np.uint8), d]


def iq4_nl(blocks):
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[:, None], -1)
    raw, d = halves(extreme[:, 0] / IQ4_NL[0])
    codes = np.abs(divide(blocks, np.broadcast_to(d[:, None], blocks.shape))[..., None] - IQ4_NL).argmin(-1)
    return [raw, nibbles(codes, 16)]


OWN = {"Q2_K": q2_k, "Q3_K": q3_k, "Q4_K": q4_k, "Q5_K": q5_k, "Q6_K": q6_k, "IQ4_NL": iq4_nl}


def quantize(values, name):
    """[rows, columns] f32 -> the bytes of all rows."""
    if name not in OWN:
        return gguf.quants.quantize(values, Type[name]).tobytes()
    block_values, block_bytes = gguf.GGML_QUANT_SIZES[Type[name]]
    fields = OWN[name](np.ascontiguousarray(values, np.float32).reshape(-1, block_values))
    blocks = np.concatenate(fields, axis=1)
    assert blocks.shape[1] == block_bytes, (name, blocks.shape)
    return blocks.tobytes()


def rope_factors(reader, factor=8, low=1, high=4, original_context=256):
    """Llama 3.1's rule (its config's rope_scaling), with a context so short that a prompt of a few words tells."""
    pairs = reader.fields["llama.rope.dimension_count"].contents() // 2
    base = reader.fields["llama.rope.freq_base"].contents()
    wavelength = 2 * np.pi * base ** (np.arange(pairs) / pairs)
    smooth = np.clip((original_context / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def requantize(source, target, name, stretch=False):
    """How many matrices there are, and how many have the type."""
    reader = gguf.GGUFReader(source)
    raw = pathlib.Path(source).read_bytes()
    metadata = raw[16:min(tensor.field.offset for tensor in reader.tensors)]  # with the count of its entries
    tensors = [(tensor.name, tensor.shape, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
               for tensor in reader.tensors]
    if stretch:
        factors = rope_factors(reader)
        tensors.append(("rope_freqs.weight", factors.shape, factors))
    table, data = b"", []
    offset = matrices = fitting = 0
    for label, shape, values in tensors:
        matrix = values.ndim == 2 and label != "position_embd.weight"
        fits = values.shape[-1] % gguf.GGML_QUANT_SIZES[Type[name]][0] == 0
        kind = (name if fits else "Q8_0") if matrix else "F32"
        matrices += matrix
        fitting += matrix and kind == name
        bytes_ = quantize(values, kind)
        data.append(bytes_ + bytes(-len(bytes_) % 32))
        dims = [int(n) for n in shape]
        encoded = label.encode()
        table += struct.pack(f"<Q{len(encoded)}sI{len(dims)}QIQ", len(encoded), encoded, len(dims), *dims, Type[kind],
                             offset)
        offset += len(data[-1])
    header = raw[:8] + struct.pack("<Q", len(tensors)) + metadata + table
    pathlib.Path(target).write_bytes(header + bytes(-len(header) % 32) + b"".join(data))
    return matrices, fitting


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("type")
    parser.add_argument("--every", action="store_true", help="fail when a matrix does not fit the type")
    parser.add_argument("--stretch", action="store_true", help="add rope_freqs.weight")
    args = parser.parse_args()
    matrices, fitting = requantize(args.source, args.target, args.type, args.stretch)
    print(f"{fitting} of {matrices} matrices are {args.type}")
    if args.every and fitting < matrices:
        sys.exit(1)


if __name__ == "__main__":
    main()
