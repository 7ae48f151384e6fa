#!/usr/bin/env python3
"""Collects parley-17m's six public sources from their repositories into the one JSON file that sources.py takes.

    collect.py FOLDER > conversations.json

FOLDER holds checkouts under their own names, and the table of Microsoft's personality chat in English, friendly:
dstc8-schema-guided-dialogue, self_dialogue_corpus, Topical-Chat, Taskmaster, chatterbot-corpus (reading it takes
PyYAML), qna_chitchat_friendly.tsv.
"""

import csv
import json
import pathlib
import sys


def alternating(turns):
    """(speaker, text) pairs as texts that take turns: neighbours of one speaker joined."""
    texts, last = [], None
    for speaker, text in turns:
        if speaker == last:
            texts[-1] += f" {text}"
        else:
            texts.append(text)
        last = speaker
    return texts


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def sgd(folder):
    for path in sorted(folder.glob("dstc8-schema-guided-dialogue/*/dialogues_*.json")):
        for dialogue in read(path):
            yield alternating((turn["speaker"], turn["utterance"]) for turn in dialogue["turns"])


def self_dialogue(folder):
    root = folder / "self_dialogue_corpus"
    blocked = set((root / "blocked_workers.txt").read_text().split())
    for path in sorted(root.glob("corpus/*/*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["WorkerId"] in blocked or row.get("Reject"):
                    continue
                names = [name for name in row if name and name.startswith("Answer.sentence")]
                names.sort(key=lambda name: int(name.removeprefix("Answer.sentence")))
                # An empty answer comes as "{}".
                yield [row[name] for name in names if row[name] and row[name] != "{}"]


def topical(folder):
    root = folder / "Topical-Chat/conversations"
    for path in sorted([*root.glob("valid_*.json"), *root.glob("test_*.json")]):
        for conversation in read(path).values():
            yield alternating((turn["agent"], turn["message"]) for turn in conversation["content"])


def tm4(folder):
    for path in sorted(folder.glob("Taskmaster/TM-4-2024/data/*.json")):
        for dialogue in read(path):
            yield alternating((turn["speaker"], turn["text"]) for turn in dialogue["utterances"])


def qna_pairs(folder):
    with open(folder / "qna_chitchat_friendly.tsv", encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield [row["Question"], row["Answer"]]


def chatterbot(folder):
    import yaml

    for path in sorted(folder.glob("chatterbot-corpus/chatterbot_corpus/data/english/*.yml")):
        for texts in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            yield [str(text) for text in texts]


SOURCES = {
    "sgd": sgd,
    "self": self_dialogue,
    "topical": topical,
    "tm4": tm4,
    "qna_pairs": qna_pairs,
    "chatterbot": chatterbot,
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    try:
        collected = {name: list(source(folder)) for name, source in SOURCES.items()}
    except OSError as error:
        sys.exit(f"collect.py: {error.filename}: {error.strerror}")
    for name, conversations in collected.items():
        if not conversations:
            sys.exit(f"collect.py: nothing of {name} in {folder}")
    json.dump(collected, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
