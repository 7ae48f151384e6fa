#!/usr/bin/env python3
"""Compares Parley's tokenizer with Hugging Face's `tokenizers`, an implementation by other people, on text of every kind.

    pip install tokenizers gguf unicodedata2==16.0.0
    scripts/check_tokenizer.py --parley build/native/parley --model MODEL [--rounds 2000] [--seed 0]

MODEL is a folder with vocab.json and merges.txt (and what else the command line wants of a model folder), or a GGUF file, whose
tokens and merges are read with the package gguf and whose pre-tokenizer is one that golden_pretokenize.py knows. Checked are: every Unicode
character beside a letter, a number, punctuation and a space; every case of tests/golden/gpt2/tokenizer_cases.jsonl, if the
vocabulary is GPT-2's; random strings of many kinds; and that `parley detokenize` gives every text back, where every byte has a token.
Left out are the numbers that Unicode 17 added, where tokenizers cuts digits apart itself (`smollm`): it then follows a newer Unicode than
its own regular expressions, llama.cpp and Parley do. Prints the first differences and exits with 1 when there are any.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys

import unicodedata2
from golden_pretokenize import pre_tokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/gpt2/tokenizer_cases.jsonl"
GPT2_TOKENS = 50257


def from_gguf(path):
    """The model of a GGUF file's tokenizer, the name of its pre-tokenizer, and whether every byte has a token."""
    import gguf

    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    pre = fields["tokenizer.ggml.pre"].contents()
    model = models.BPE({token: i for i, token in enumerate(tokens)}, merges, ignore_merges=pre == "llama-bpe")
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return model, pre, set(alphabet) <= set(tokens)


def reference(path):
    if path.is_dir():
        model, pre, complete = models.BPE.from_file(str(path / "vocab.json"), str(path / "merges.txt")), "gpt-2", True
    else:
        model, pre, complete = from_gguf(path)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, pre, complete


def parley(arguments, command, lines):
    result = subprocess.run(
        [arguments.parley, command, "--jsonl", "--model", arguments.model],
        input="".join(json.dumps(line) + "\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    rows = [json.loads(row) for row in result.stdout.decode().split("\n")[:-1]]
    if len(rows) != len(lines):
        sys.exit(f"{command}: {len(rows)} lines for {len(lines)}")
    return rows


def is_newer_digit(character):
    """Whether tokenizers' Digits takes it for a number and Unicode 16 has not assigned it."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return unicodedata2.category(character) == "Cn" and len(digits.pre_tokenize_str("a" + character)) > 1


def all_characters(pre):
    """Each character where its class decides how the text is cut, many to a string."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    if pre == "smollm":
        characters = [c for c in characters if not is_newer_digit(c)]
    for start in range(0, len(characters), 64):
        yield "".join(f"a{c}1{c}!{c}  {c}." for c in characters[start : start + 64])


def random_text(rng):
    """A string of one of several kinds, most short."""
    ranges = rng.choice(
        [
            [(0x20, 0x7E)],
            [(0x09, 0x0D), (0x20, 0x20), (0x61, 0x63)],
            [(0x20, 0x7E), (0xA0, 0x24F)],
            [(0x300, 0x36F), (0x61, 0x7A)],
            [(0x370, 0x5FF), (0x20, 0x20)],
            [(0x600, 0x1FFF), (0x20, 0x20)],
            [(0x2000, 0x2BFF), (0x20, 0x39)],
            [(0x3000, 0x9FFF)],
            [(0xAC00, 0xD7A3), (0x20, 0x20)],
            [(0x1F300, 0x1FAFF), (0x200D, 0x200D), (0xFE0F, 0xFE0F)],
            [(0x0, 0xD7FF), (0xE000, 0x10FFFF)],
        ]
    )
    words = ["'s", "'ll", "'T", " the", "  ", "\n\n", "\t", "\r\n", "?!\n", "'\u017f", "<|endoftext|>", "2024", "...", " \n "]
    length = rng.choice([3, 10, 40, 200])
    return "".join(
        rng.choice(words) if rng.random() < 0.2 else chr(rng.randint(*rng.choice(ranges))) for _ in range(length)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parley", required=True, help="the command line program")
    parser.add_argument("--model", required=True, help="a Hugging Face folder or a GGUF file")
    parser.add_argument("--rounds", type=int, default=2000, help="random strings (2000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tokenizer, pre, complete = reference(pathlib.Path(arguments.model))
    rng = random.Random(arguments.seed)

    texts = list(all_characters(pre)) + [random_text(rng) for _ in range(arguments.rounds)]
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    differences = 0

    def report(what, text, wanted, found):
        nonlocal differences
        differences += 1
        if differences <= 10:
            print(f"{what}: {text!r}\n  expected {wanted}\n  found    {found}")

    if tokenizer.get_vocab_size() == GPT2_TOKENS:
        golden = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
        for row in golden:
            ids = tokenizer.encode(row["text"], add_special_tokens=False).ids
            if ids != row["ids"]:
                report("golden case against tokenizers", row["text"], ids, row["ids"])
        texts += [row["text"] for row in golden]
        expected += [row["ids"] for row in golden]

    for text, wanted, found in zip(texts, expected, parley(arguments, "tokenize", texts), strict=True):
        if wanted != found:
            report("tokenize", text, wanted, found)
    for ids, wanted, found in zip(expected, texts, parley(arguments, "detokenize", expected), strict=True):
        if wanted != found and complete:
            report("detokenize", ids, wanted, found)
    print(f"{len(texts)} texts, {sum(map(len, expected))} tokens: {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
