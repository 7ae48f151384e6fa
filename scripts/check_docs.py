#!/usr/bin/env python3
"""Checks that what docs/ARCHITECTURE.md and CONTRIBUTING.md name exists: every path in backticks is a file or folder, and
every identifier in backticks stands in the sources. Prints what does not and exits 1."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ["docs/ARCHITECTURE.md", "CONTRIBUTING.md"]
SOURCES = ["src", "web/engine", "web/app", "tests", "scripts", "cmake"]
SUFFIXES = {".h", ".cc", ".ts", ".tsx", ".txt", ".cmake", ".json"}

PATH = re.compile(r"^[\w.-]+/[\w./-]*$|^[\w-]+\.(md|txt|json|sh|py)$")
IDENTIFIER = re.compile(r"^(?:[\w.]+(?:::|\.))*(\w+)(?:\(.*\))?$")


def source_words():
    words = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file() and "node_modules" not in path.parts:
                words.update(re.findall(r"\w+", path.read_text(errors="replace")))
    return words


def main():
    words = source_words()
    missing = []
    checked = 0
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        text = re.sub(r"```.*?```", "", text, flags=re.S)
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("    "):
                continue
            for span in re.findall(r"`([^`]+)`", line):
                if PATH.match(span):
                    checked += 1
                    if not (ROOT / span).exists():
                        missing.append(f"{document}:{number}: no file {span}")
                elif match := IDENTIFIER.match(span):
                    checked += 1
                    if match.group(1) not in words:
                        missing.append(f"{document}:{number}: no {span} in the sources")
    print("\n".join(missing) if missing else f"{checked} names checked")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
