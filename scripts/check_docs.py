#!/usr/bin/env python3
"""Checks that what docs/ARCHITECTURE.md, docs/FAULTS.md and CONTRIBUTING.md name exists: every path in backticks is a file or
folder, and every identifier in backticks stands in the sources. In every document an identifier stands in the file that is
named with it: `name` (`file`), `name` in `file`, (`name`, `file`). Prints what does not and exits 1.

  check_docs.py [ROOT]
"""
import os
import pathlib
import re
import sys

DOCUMENTS = ["docs/ARCHITECTURE.md", "docs/FAULTS.md", "CONTRIBUTING.md"]
SOURCES = ["src", "web/engine", "web/app", "tests", "scripts", "cmake"]
NOT_OURS = {"node_modules", "build", "dist"}
SUFFIXES = {".h", ".cc", ".ts", ".tsx", ".txt", ".cmake", ".json"}

PATH = re.compile(r"^[\w.-]+/[\w./-]*$|^[\w-]+\.(md|txt|json|sh|py)$")
IDENTIFIER = re.compile(r"^(?:[\w.]+(?:::|\.))*(\w+)(?:\(.*\))?$")
# Brackets may go on behind the file, and any space may be the end of a line.
WITH_FILE = re.compile(r"(?:`([^`]+)`\s+(?:\(|in\s+)|\(`([^`]+)`,\s+)`([\w.-]+/[\w./-]+)`")


def words_of(path):
    return set(re.findall(r"\w+", path.read_text(errors="replace")))


def source_words(root):
    words = set()
    for folder in SOURCES:
        for path in (root / folder).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file() and "node_modules" not in path.parts:
                words |= words_of(path)
    return words


def prose(path):
    """The document without its blocks of code, line by line as it was."""
    text = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), path.read_text(), flags=re.S | re.M)
    return re.sub(r"^    .*$", "", text, flags=re.M)


def names_in(document, text, root, words):
    """What the text names: (where, complaint or None) for each."""
    for number, line in enumerate(text.split("\n"), 1):
        for span in re.findall(r"`([^`]+)`", line):
            if PATH.match(span):
                yield f"{document}:{number}", None if (root / span).exists() else f"no file {span}"
            elif match := IDENTIFIER.match(span):
                yield f"{document}:{number}", None if match[1] in words else f"no {span} in the sources"


def names_with_files(document, text, root):
    """The same for identifiers with the file that they stand in."""
    for match in WITH_FILE.finditer(text):
        name, file = match[1] or match[2], match[3]
        where = f"{document}:{text.count(chr(10), 0, match.start()) + 1}"
        if not IDENTIFIER.match(name) or not (root / file).is_file():
            continue
        *owners, last = re.findall(r"\w+", name.partition("(")[0])
        wanted = {last, *(owner for owner in owners if owner[0].isupper())}  # an object may have another name there
        yield where, None if wanted <= words_of(root / file) else f"no {name} in {file}"


def documents(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.startswith("."))
        yield from (pathlib.Path(folder) / file for file in sorted(files) if file.endswith(".md"))


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    words = source_words(root)
    found = []
    for path in documents(root):
        document = path.relative_to(root).as_posix()
        if document in DOCUMENTS:
            found += names_in(document, prose(path), root, words)
        found += names_with_files(document, prose(path), root)
    missing = [f"{where}: {complaint}" for where, complaint in found if complaint]
    print("\n".join(missing) if missing else f"{len(found)} names checked")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
