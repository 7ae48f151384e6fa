#!/usr/bin/env python3
"""Writes tests/golden/sampling/huggingface.json: next-token distributions as Hugging Face's logits processors give them.

Needs transformers and torch (any versions that have MinPLogitsWarper); neither is needed to run the tests. The processors
run in float64 and in the order in which `generate` calls them; what they leave is the softmax that is sampled from.
"""
import argparse
import json
import pathlib
import random

import torch
from transformers.generation import logits_process as hf

VOCABULARY = 24
CASES = 80


def random_options(rng):
    """Options by their names in the API; each is present in about half of the cases."""
    choices = {
        # Exact in f32, in which Hugging Face keeps its biases.
        "logit_bias": lambda: {str(rng.randrange(VOCABULARY)): rng.randint(-40, 40) / 8 for _ in range(3)},
        "repetition_penalty": lambda: round(rng.uniform(0.6, 2.5), 2),
        "no_repeat_ngram_size": lambda: rng.randint(1, 4),
        "min_tokens": lambda: rng.randint(1, 6),
        "temperature": lambda: round(rng.uniform(0.2, 2), 2),
        "top_k": lambda: rng.randint(1, VOCABULARY),
        "top_p": lambda: round(rng.uniform(0.05, 0.99), 2),
        "min_p": lambda: round(rng.uniform(0.01, 0.6), 2),
        "typical_p": lambda: round(rng.uniform(0.05, 0.99), 2),
    }
    return {name: draw() for name, draw in choices.items() if rng.random() < 0.5}


def processors(options, prompt_length, end_id):
    chain = hf.LogitsProcessorList()
    if "logit_bias" in options:
        chain.append(hf.SequenceBiasLogitsProcessor({(int(i),): b for i, b in options["logit_bias"].items()}))
    if "repetition_penalty" in options:
        chain.append(hf.RepetitionPenaltyLogitsProcessor(options["repetition_penalty"]))
    if "no_repeat_ngram_size" in options:
        chain.append(hf.NoRepeatNGramLogitsProcessor(options["no_repeat_ngram_size"]))
    if "min_tokens" in options:
        chain.append(hf.MinNewTokensLengthLogitsProcessor(prompt_length, options["min_tokens"], [end_id]))
    if "temperature" in options:
        chain.append(hf.TemperatureLogitsWarper(options["temperature"]))
    if "top_k" in options:
        chain.append(hf.TopKLogitsWarper(options["top_k"]))
    if "top_p" in options:
        chain.append(hf.TopPLogitsWarper(options["top_p"]))
    if "min_p" in options:
        chain.append(hf.MinPLogitsWarper(options["min_p"]))
    if "typical_p" in options:
        chain.append(hf.TypicalLogitsWarper(options["typical_p"]))
    return chain


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=pathlib.Path(__file__).parent.parent / "tests/golden/sampling/huggingface.json")
    out = parser.parse_args().out
    rng = random.Random(20240607)
    cases = []
    while len(cases) < CASES:
        # Exact in decimal and in f32: multiples of 1/64.
        logits = [round(rng.gauss(0, 3) * 64) / 64 for _ in range(VOCABULARY)]
        if len(set(logits)) < VOCABULARY:
            continue  # ties: Hugging Face keeps all of them, Parley the lowest ids
        prompt_length = rng.randint(0, 8)
        generated = rng.randint(0, 6)
        history = [rng.randrange(8) for _ in range(prompt_length + generated)]
        if not history:
            continue
        end_id = rng.randrange(VOCABULARY)
        options = random_options(rng)
        chain = processors(options, prompt_length, end_id)
        scores = chain(torch.tensor([history]), torch.tensor([logits], dtype=torch.float64).clone())
        probabilities = torch.softmax(scores, dim=-1)[0]
        if not torch.isfinite(probabilities).all():
            continue  # everything was banned
        cases.append({
            "logits": logits,
            "history": history,
            "generated": generated,
            "end_id": end_id,
            "options": options,
            "probabilities": [float(p) for p in probabilities],
        })
    lines = ",\n".join(json.dumps(case) for case in cases)
    pathlib.Path(out).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
