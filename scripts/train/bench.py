#!/usr/bin/env python3
"""Measures training of parley-17m: tokens a second, beside a plain PyTorch loop on the same model and the matmul peak.

    bench.py [--out FILE] [--rounds N]

The plain loop computes a step's windows at once, takes PyTorch's cross-entropy over all logits, and leaves malloc as it
is. It steps with the same optimizers (`plain`), and with AdamW alone (`plain_adamw`), which does less: Muon multiplies
matrices to learn more from each step. Each side runs in a process of its own, in turns; what is reported is the median
of its steps but the first.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F

from parley_train.memory import keep_freed_memory
from parley_train.model import Config, Gpt2
from parley_train.recipe import read_recipe
from parley_train.train import Trainer, can_bfloat16, optimizers_of

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = HERE / "parley_17m/recipe.toml"
SIDES = ["plain", "plain_adamw", "ours"]
STEPS = 2


def matmul_peak(dtype, size=2048, rounds=5):
    """Floating-point operations a second of a square product, the best of some."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    out = torch.empty(size, size, dtype=dtype)
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        torch.matmul(a, b, out=out)
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times)


def flops_a_token(config: Config) -> float:
    """Products of a training step, forward and backward: 6 a weight, and causal attention's 6 context x width a
    layer."""
    weights = 12 * config.width**2 * config.layers + config.vocabulary * config.width
    return 6 * weights + 6 * config.context * config.width * config.layers


def our_step(recipe, folder):
    keep_freed_memory()
    (folder / "prepared.json").write_text(json.dumps({"vocabulary": recipe.model.vocabulary}))
    ids = numpy.random.default_rng(1).integers(0, recipe.model.vocabulary, 1 << 20, dtype=numpy.uint16)
    numpy.save(folder / "train.npy", ids)
    return Trainer(recipe, folder, "cpu", can_bfloat16("cpu"), False).run_step


def plain_step(recipe, muon):
    size = recipe.model
    model = Gpt2(Config(size.vocabulary, size.width, size.layers, size.heads, size.context))
    model.initialize(1)
    optimizers = optimizers_of(model, recipe.train) if muon else [torch.optim.AdamW(model.parameters())]
    ids = torch.randint(0, size.vocabulary, (recipe.train.batch, size.context + 1))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=can_bfloat16("cpu")):
            loss = F.cross_entropy(model.logits(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        model.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    return step


def measure(side: str) -> list[float]:
    """Tokens a second of each step but the first."""
    recipe = read_recipe(RECIPE)
    with tempfile.TemporaryDirectory() as folder:
        step = our_step(recipe, pathlib.Path(folder)) if side == "ours" else plain_step(recipe, side == "plain")
        speeds = []
        for _ in range(1 + STEPS):
            began = time.perf_counter()
            step()
            speeds.append(recipe.train.batch * recipe.model.context / (time.perf_counter() - began))
    return speeds[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="keep the result in this file")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments.side)))
        return
    speeds = {side: [] for side in SIDES}
    peaks = []
    for _ in range(arguments.rounds):
        peaks.append(matmul_peak(torch.bfloat16 if can_bfloat16("cpu") else torch.float32))
        for side, found in speeds.items():
            done = subprocess.run(
                [sys.executable, __file__, "--side", side], capture_output=True, text=True, check=True
            )
            found += json.loads(done.stdout)
    recipe = read_recipe(RECIPE)
    size = recipe.model
    flops = flops_a_token(Config(size.vocabulary, size.width, size.layers, size.heads, size.context))
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    processor = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    result = {
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit,
        "machine": {
            "processor": processor,
            "processors": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": "bf16" if can_bfloat16("cpu") else "f32",
        "matmul_peak_gflops": round(max(peaks) / 1e9, 1),
        "bf16_matmul_gflops": round(matmul_peak(torch.bfloat16, 512, 2) / 1e9, 1),  # why bf16 is used, or is not
        "flops_a_token": flops,
    }
    for side, found in speeds.items():
        median = statistics.median(found)
        result[side] = {
            "tokens_per_second": round(median),
            "share_of_peak": round(median * flops / max(peaks), 3),
            "steps": [round(one) for one in found],
        }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
