"""Conversations as values: reading them from files, cleaning, finding doubles, splitting. Knows no tokens.

A conversation is a line of JSON, `{"messages": [{"role", "content"}...], "source", "license"}`, a line
`question<TAB>answer` of a .tsv file, or a piece of a .txt file, which has no roles.
"""

import hashlib
import json
import pathlib
import re
from dataclasses import dataclass

from .errors import InputError

ROLES = ("system", "user", "assistant")
END_OF_TEXT = "<|endoftext|>"
PIECE_CHARACTERS = (
    8000  # about so much of a plain text stays together, so that a split by hash has pieces to choose from
)


@dataclass(frozen=True)
class Conversation:
    """Messages as (role, text); a plain text is one message whose role is "text"."""

    messages: tuple[tuple[str, str], ...]
    source: str
    license: str

    @property
    def is_plain(self) -> bool:
        return self.messages[0][0] == "text"

    def digest(self) -> int:
        """64 bits of a hash of the words, blind to case, spaces and what the system was told: doubles share it."""
        words = [" ".join(text.lower().split()) for role, text in self.messages if role != "system"]
        return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big")


def _from_json(line: str, where: str, default_source: str) -> Conversation:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error}") from error
    messages = entry.get("messages") if isinstance(entry, dict) else None
    if not isinstance(messages, list) or not messages:
        raise InputError(f"{where}: an object with a list of messages expected")
    turns = []
    for message in messages:
        if (
            not isinstance(message, dict)
            or message.get("role") not in ROLES
            or not isinstance(message.get("content"), str)
        ):
            raise InputError(f"{where}: a message has a role ({', '.join(ROLES)}) and a content")
        turns.append((message["role"], message["content"]))
    source, license = entry.get("source", default_source), entry.get("license", "")
    if not isinstance(source, str) or not re.fullmatch(r"[\w.-]+", source):
        raise InputError(f"{where}: source {source!r}: letters, digits, '_', '-' and '.' expected")
    if not isinstance(license, str):
        raise InputError(f"{where}: license {license!r}: a text expected")
    return Conversation(tuple(turns), source, license)


def _from_tsv(line: str, where: str, source: str) -> Conversation:
    fields = line.split("\t")
    if len(fields) != 2:
        raise InputError(f"{where}: question<TAB>answer expected, found {len(fields)} fields")
    return Conversation((("user", fields[0]), ("assistant", fields[1])), source, "")


def _plain_pieces(text: str):
    """Documents, as <|endoftext|> divides them, cut at blank lines where they are long."""
    for document in text.split(END_OF_TEXT):
        piece = ""
        for paragraph in re.split(r"\n\s*\n", document):
            if piece and len(piece) + len(paragraph) > PIECE_CHARACTERS:
                yield piece
                piece = ""
            piece += ("\n\n" if piece else "") + paragraph.strip("\n")
        yield piece


def read_file(path: pathlib.Path) -> list[Conversation]:
    """Reads a .jsonl, .tsv or .txt file. Raises InputError with the line's number."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from error
    source = re.sub(r"[^\w.-]", "_", path.stem)
    if path.suffix == ".txt":
        return [Conversation((("text", piece),), source, "") for piece in _plain_pieces(text)]
    reader = {".jsonl": _from_json, ".tsv": _from_tsv}.get(path.suffix)
    if reader is None:
        raise InputError(f"{path}: .jsonl, .tsv or .txt expected")
    # Not splitlines: it cuts at U+2028 as well, which JSON allows inside of a string.
    lines = enumerate(text.split("\n"), 1)
    return [reader(line, f"{path}:{number}", source) for number, line in lines if line.strip()]


_FOLDED = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
    "\u2013": "-", "\u2014": "-", "\u2026": "...", "\u00a0": " ",
})  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]")


def _clean_text(text: str, fold_quotes: bool, plain: bool) -> str:
    text = _CONTROL.sub(" ", text.translate(_FOLDED) if fold_quotes else text)
    return text.strip() if plain else " ".join(text.split())


def clean(conversation: Conversation, fold_quotes: bool) -> Conversation | None:
    """White space collapsed, neighbours of one role merged, a last message without an answer dropped.

    None when nothing is left that an assistant says.
    """
    turns: list[tuple[str, str]] = []
    for role, text in conversation.messages:
        text = _clean_text(text, fold_quotes, conversation.is_plain)
        if text and turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]} {text}")
        elif text:
            turns.append((role, text))
    while turns and turns[-1][0] in ("user", "system"):
        turns.pop()
    return Conversation(tuple(turns), conversation.source, conversation.license) if turns else None


def word_pattern(words: list[str]) -> re.Pattern | None:
    """Finds any of the words, as whole words in any case; None without words."""
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE) if words else None


def is_held_out(conversation: Conversation, share: float) -> bool:
    """Validation or training, by the words alone: the same conversation is on the same side in every run."""
    return conversation.digest() < share * 2**64
