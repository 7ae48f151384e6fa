#!/usr/bin/env python3
"""Writes tests/golden/quantize: what PyPI's gguf, a port of ggml's reference, makes of blocks.

    golden_quantize.py      needs PyPI's gguf (0.16 or newer)

blocks.json: blocks of 32 f32 values as their bits, with Q8_0 and Q4_0 as hexadecimal bytes, and what these decode to as
bits. decoded.json: by type, blocks as hexadecimal bytes and what they decode to as hexadecimal little-endian f32.
"""
import json
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/quantize"

# Types that are decoded only, and where the f16 scales and minima of their blocks stand.
DECODED = {"Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "IQ4_NL": (0,), "Q2_K": (80, 82), "Q3_K": (108,),
           "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
# f16 bits: 0, -0, the smallest and largest subnormals, 1, -1, the largest of both signs.
EDGE_HALVES = [0x0000, 0x8000, 0x0001, 0x83ff, 0x3c00, 0xbc00, 0x7bff, 0xfbff]


# Left out: a block of -0.0 alone. ggml's loop starts from +0.0 and gives Q4_0 the scale -0.0, the package +0.0.
def blocks():
    rng = np.random.default_rng(20)
    yield np.zeros(32)
    yield np.full(32, 1.0)
    yield np.full(32, -3.5)
    yield np.linspace(-127, 127, 32)                      # Q8_0 codes around .5
    yield np.arange(-16, 16) / 2.0                        # ties of both roundings
    yield np.where(np.arange(32) == 31, -8.0, np.arange(32) / 4 - 4)  # the extreme is negative, and last
    yield np.where(np.arange(32) % 2 == 0, 5.0, -5.0)     # two extremes of one size: the first counts
    yield rng.standard_normal(32) * 2.0 ** -24            # the scale is a subnormal f16
    yield rng.standard_normal(32) * 2.0 ** -34            # the scale rounds to 0, the codes do not
    yield rng.standard_normal(32) * 2.0 ** -120
    yield np.append(np.full(31, 2.0 ** -20), 1.0)
    yield rng.standard_normal(32) * 1e4
    for power in range(-12, 13):
        yield rng.standard_normal(32) * 2.0 ** power
    for _ in range(12):                                   # values that are f16, as checkpoints have them
        yield rng.standard_normal(32).astype(np.float16)


def encode(values, kind):
    raw = gguf.quants.quantize(values, kind)
    decoded = gguf.quants.dequantize(raw, kind).astype(np.float32)
    return {"bytes": raw.tobytes().hex(), "decoded": decoded.view(np.uint32).reshape(-1).tolist()}


def random_blocks(rng, name, count):
    """[count, block bytes]: any code; of two scales one is an edge, and half of the blocks have usual ones."""
    block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for i, block in enumerate(blocks):
        for k, place in enumerate(DECODED[name]):
            usual = np.float16(rng.standard_normal() * 0.02)
            edge = np.uint16(EDGE_HALVES[(i // 2 + 3 * k) % len(EDGE_HALVES)])
            block[place:place + 2] = np.frombuffer((edge if i % 2 else usual).tobytes(), np.uint8)
    return blocks


def decoded(name):
    rng = np.random.default_rng(21)
    blocks = random_blocks(rng, name, 8 if name.endswith("_K") else 16)
    blocks[0, -16:] = np.arange(16) * 17                  # every nibble, the same in both halves
    for place in DECODED[name]:
        blocks[0, place:place + 2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
    values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name]).astype("<f4")
    assert np.isfinite(values).all()
    return [{"bytes": block.tobytes().hex(), "values": row.tobytes().hex()} for block, row in zip(blocks, values)]


def main():
    records = []
    for block in blocks():
        values = np.asarray(block, np.float32).reshape(1, 32)
        records.append({"values": values.view(np.uint32).reshape(-1).tolist(),
                        "q8_0": encode(values, gguf.GGMLQuantizationType.Q8_0),
                        "q4_0": encode(values, gguf.GGMLQuantizationType.Q4_0)})
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "blocks.json").write_text("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n")
    types = [f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(block) for block in decoded(name)) + "\n]"
             for name in DECODED]
    (OUT / "decoded.json").write_text("{\n" + ",\n".join(types) + "\n}\n")


if __name__ == "__main__":
    main()
