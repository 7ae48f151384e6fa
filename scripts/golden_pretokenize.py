#!/usr/bin/env python3
"""Writes tests/golden/pretokenize/cases.jsonl: what Hugging Face's `tokenizers` makes of texts under other pre-tokenizers than GPT-2's.

    pip install tokenizers
    scripts/golden_pretokenize.py

The vocabulary is GPT-2's (tests/golden/gpt2/merges.txt), so that what differs is how text is cut. The pre-tokenizers are those
of the tokenizer.json of SmolLM2 (`smollm`) and of Llama 3 (`llama-bpe`, with its ignore_merges). A row is {"text", "smollm",
"llama-bpe"}, the last two ids; the texts are every third of GPT-2's cases, and random ones over what the patterns look at.
"""
import json
import pathlib
import random

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/golden"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pre_tokenizer(name):
    """As the models' tokenizer.json have it."""
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    if name == "llama-bpe":
        split = pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated", invert=False)
        return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def gpt2_vocabulary():
    """(vocab, merges): the 256 bytes in GPT-2's order, one token for each merge, <|endoftext|>."""
    text = (GOLDEN / "gpt2/merges.txt").read_text(encoding="utf-8")
    merges = [tuple(line.split(" ")) for line in text.split("\n")[1:] if line]
    tokens = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 256 + 68))]
    tokens += ["".join(merge) for merge in merges] + ["<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}, merges


def make(name, vocab, merges):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=name == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizer(name)
    return tokenizer


def random_text(rng):
    words = ["'s", "'S", "'ll", "'LL", "'\u017f", "'Re", "don't", " the", "  ", "\n", "\n\n", "\r\n", "\t", "2024", "3.14",
             "...", " !", "?!\n", "\u00e9", "\u4f60\u597d", "\u0663", "\u00bd", "\u3000", "a", "B", " x"]
    return "".join(rng.choice(words) for _ in range(rng.randint(1, 12)))


def main():
    vocab, merges = gpt2_vocabulary()
    tokenizers = {name: make(name, vocab, merges) for name in ("smollm", "llama-bpe")}
    cases = (GOLDEN / "gpt2/tokenizer_cases.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in cases[::3]]
    rng = random.Random(5)
    texts += [random_text(rng) for _ in range(300)]
    folder = GOLDEN / "pretokenize"
    folder.mkdir(exist_ok=True)
    with open(folder / "cases.jsonl", "w", encoding="utf-8") as file:
        for text in texts:
            row = {"text": text} | {name: tokenizer.encode(text).ids for name, tokenizer in tokenizers.items()}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
