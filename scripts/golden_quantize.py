#!/usr/bin/env python3
"""Writes tests/golden/quantize/blocks.json: blocks of f32 and what PyPI's gguf, a port of ggml's reference, makes of them.

    golden_quantize.py      needs PyPI's gguf (0.16 or newer)

Each block is 32 f32 values as their bits, with Q8_0 and Q4_0 as hexadecimal bytes, and what these decode to as bits.
"""
import json
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/quantize/blocks.json"


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


def main():
    records = []
    for block in blocks():
        values = np.asarray(block, np.float32).reshape(1, 32)
        records.append({"values": values.view(np.uint32).reshape(-1).tolist(),
                        "q8_0": encode(values, gguf.GGMLQuantizationType.Q8_0),
                        "q4_0": encode(values, gguf.GGMLQuantizationType.Q4_0)})
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n")


if __name__ == "__main__":
    main()
