#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_tables.cc: which code points are letters, numbers and spaces for GPT-2's pattern.

Needs the character database of one Unicode version, from PyPI:

    pip install unicodedata2==16.0.0
    scripts/make_unicode_tables.py            # writes the file
    scripts/make_unicode_tables.py --check    # exit code 1 when the file differs

The version is the one that the regular expressions of Hugging Face's tokenizers 0.2x use: with it, and with no other, all
1,112,064 characters fall into the same class there and here (scripts/check_tokenizer.py compares every one).
"""

import argparse
import pathlib
import sys

import unicodedata2

VERSION = "16.0.0"
OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "src/tokenizer/unicode_tables.cc"

# The property White_Space: the separators, and these controls. PropList.txt lists the same 25 characters.
SPACE_CONTROLS = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85}


def class_of(code_point):
    category = unicodedata2.category(chr(code_point))
    if category[0] == "L":
        return "kLetter"
    if category[0] == "N":
        return "kNumber"
    if category[0] == "Z" or code_point in SPACE_CONTROLS:
        return "kSpace"
    return None


def ranges():
    """Yields (first, last, class) for every maximal run of one class, in order."""
    first, current = 0, None
    for code_point in range(0x80, 0x110001):
        here = class_of(code_point) if code_point < 0x110000 else None
        if here != current:
            if current is not None:
                yield first, code_point - 1, current
            first, current = code_point, here


def render():
    lines = [
        f"// Letters, numbers and spaces above ASCII in Unicode {unicodedata2.unidata_version}; "
        "generated, see unicode_tables.h.",
        "// Written by scripts/make_unicode_tables.py from the Unicode Character Database,",
        "// copyright Unicode, Inc., https://www.unicode.org/license.txt",
        '#include "tokenizer/unicode_tables.h"',
        "",
        "namespace parley {",
        "namespace {",
        "using enum CharacterClass;",
        "",
        "// clang-format off",
        "constexpr CharacterRange kRanges[] = {",
    ]
    cells = [f"{{0x{a:x}, 0x{b:x}, {c}}}," for a, b, c in ranges()]
    line = "   "
    for cell in cells:
        if len(line) + 1 + len(cell) > 100:
            lines.append(line)
            line = "   "
        line += " " + cell
    lines += [
        line,
        "};",
        "// clang-format on",
        "}  // namespace",
        "",
        "std::span<const CharacterRange> CharacterRanges() { return kRanges; }",
        "",
        "}  // namespace parley",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    if unicodedata2.unidata_version != VERSION:
        sys.exit(f"unicodedata2 is of Unicode {unicodedata2.unidata_version}; {VERSION} is needed")
    text = render()
    if arguments.check:
        if OUTPUT.read_text(encoding="utf-8") != text:
            sys.exit(f"{OUTPUT} differs from Unicode {VERSION}")
        return
    OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
