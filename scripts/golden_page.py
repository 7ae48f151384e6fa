#!/usr/bin/env python3
"""Writes what the page is held to, out of what the native command line computes with the bundled model:

- web/app/state/self_test_golden.ts: greedy continuations with their log-probabilities, for the self-test on the user's
  machine. Their ids must be those of GPT2LMHeadModel in tests/golden/parley-17m, or nothing is written.
- tests/golden/parley-17m/shared_runs.json: a sampled continuation and a sampled reply, for links that give the same text.

    scripts/golden_page.py [BUILD]      BUILD is build/native unless given; then run `npm --prefix web run format`
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/parley-17m/golden-q8_0.json"
SHARED = ROOT / "tests/golden/parley-17m/shared_runs.json"
PAGE = ROOT / "web/app/state/self_test_golden.ts"
GREEDY = ["Hello, how are you?", "Once upon a time"]
OPTIONS = {"temperature": 0.9, "top_k": 60, "top_p": 0.95, "repetition_penalty": 1.1,
           "no_repeat_ngram_size": 0, "min_tokens": 0, "max_tokens": 60, "seed": 48213}  # nothing is left to a preset
HEAD = """// Greedy continuations of the bundled model and their log-probabilities, for the self-test. Written by
// scripts/golden_page.py; not to be edited.

import type { Golden } from "./diagnostics";

export const GOLDEN: Golden = """


def run(parley, words, text):
    command = [parley, *words, "--model", "parley-17m"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True, cwd=ROOT)
    return done.stdout.decode()


def greedy(parley, prompt):
    words = ["complete", "--special", "--temperature", "0", "--max-length", "100", "--logprobs", "0", "--json",
             "--prompt", "-"]
    return json.loads(run(parley, words, prompt))


def sampled(parley):
    options = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
    prompt = "The best film that I have ever seen is"
    continued = json.loads(run(parley, ["complete", "--json", "--prompt", "-", *options], prompt))["text"]
    said = "Do you like movies?"
    reply = run(parley, ["chat", *options], said + "\n").removesuffix("\n")
    messages = [{"role": "user", "content": said}]
    return [{"prompt": prompt, "options": OPTIONS, "text": continued},
            {"messages": messages, "options": OPTIONS, "text": reply}]


def main():
    parley = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/native") / "parley"
    expected = {one["prompt"]: one["greedy_ids"] for one in json.loads(GOLDEN.read_text(encoding="utf-8"))["prompts"]}
    catalog = json.loads((ROOT / "models/catalog.json").read_text(encoding="utf-8"))
    sha256 = next(one for one in catalog["models"] if one["id"] == "parley-17m")["files"][0]["sha256"]
    cases = []
    for prompt in GREEDY:
        result = greedy(parley, prompt)
        if result["prompt_ids"] + result["ids"] != expected[prompt]:
            sys.exit(f"{prompt!r}: the ids are not those of {GOLDEN.relative_to(ROOT)}")
        logprobs = [token["logprob"] for token in result["logprobs"]]
        cases.append({"prompt": prompt, "ids": result["ids"], "logprobs": logprobs})
    PAGE.write_text(HEAD + json.dumps({"sha256": sha256, "cases": cases}) + ";\n", encoding="utf-8")
    SHARED.write_text(json.dumps({"sha256": sha256, "runs": sampled(parley)}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
