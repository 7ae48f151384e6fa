#!/usr/bin/env python3
"""Brings parley-17m's sources into JSON lines for `prepare`, the generated conversations included.

    sources.py CONVERSATIONS.json > parley-17m.jsonl

CONVERSATIONS.json: an object with a list of conversations for each source in README.md, each a list of texts that the
user begins and that take turns; `-` reads it from standard input.
"""

import json
import sys

import generated

LICENSES = {
    "sgd": "CC-BY-SA-4.0",
    "self": "BSD-3-Clause",
    "topical": "CDLA-Sharing-1.0",
    "tm4": "CC-BY-4.0",
    "qna_pairs": "MIT",
    "chatterbot": "BSD-3-Clause",
    "generated": "CC-BY-SA-4.0",
}
GENERATED = 9000


def line(source, texts):
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return json.dumps({"messages": messages, "source": source, "license": LICENSES[source]}, ensure_ascii=False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with sys.stdin if sys.argv[1] == "-" else open(sys.argv[1], encoding="utf-8") as file:
        sources = json.load(file)
    for source in sources:
        if source not in LICENSES:
            sys.exit(f"sources.py: a source '{source}' that README.md does not list")
    sources["generated"] = generated.conversations(GENERATED)
    for source, conversations in sources.items():
        for texts in conversations:
            print(line(source, texts))


if __name__ == "__main__":
    main()
