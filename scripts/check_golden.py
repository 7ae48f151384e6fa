#!/usr/bin/env python3
"""Holds `parley complete --engine reference` and the reference's logits to golden outputs of GPT2LMHeadModel.

    scripts/check_golden.py FOLDER [--model MODEL] [--golden NAME] [--build build/native]

FOLDER has NAME.json (golden.json unless given), NAME-last-logits.safetensors and, unless MODEL is given, the checkpoint
parley-17m/. For every prompt the command line must generate exactly the golden greedy ids and text; every logit of the
golden files must come within 1e-3. Takes a minute; prints one line a prompt that differs, then a summary.
"""
import argparse
import json
import pathlib
import subprocess
import sys


def complete(parley, model, prompt):
    command = [parley, "complete", "--engine", "reference", "--model", model, "--special", "--temperature", "0",
               "--max-length", "100", "--echo", "--json", "--prompt", "-"]
    done = subprocess.run(command, input=prompt.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--model", help="a model as parley takes it; FOLDER/parley-17m unless given")
    parser.add_argument("--golden", default="golden", help="golden or golden-q8_0")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/native"))
    arguments = parser.parse_args()
    model = arguments.model or str(arguments.folder / "parley-17m")
    golden = arguments.folder / f"{arguments.golden}.json"

    failures = 0
    prompts = json.loads(golden.read_text(encoding="utf-8"))["prompts"]
    for expected in prompts:
        result = complete(arguments.build / "parley", model, expected["prompt"])
        ids = result["prompt_ids"] + result["ids"]
        if ids != expected["greedy_ids"] or result["text"] != expected["greedy_text"]:
            failures += 1
            print(f"{expected['prompt']!r}: ids {ids}, not {expected['greedy_ids']}; text {result['text']!r}")
    print(f"{len(prompts)} prompts completed, {failures} differ")

    logits = arguments.folder / f"{arguments.golden}-last-logits.safetensors"
    compared = subprocess.run([arguments.build / "check_golden", model, golden, logits], check=False)
    sys.exit(1 if failures or compared.returncode else 0)


if __name__ == "__main__":
    main()
