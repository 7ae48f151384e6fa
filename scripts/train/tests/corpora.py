"""Small corpora and runs that the tests share."""

import json
import pathlib
import sys

from parley_train.prepare import prepare
from parley_train.recipe import read_recipe

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parley_17m"))
import generated  # noqa: E402

TINY = HERE / "tiny.toml"


def silent(_):
    pass


def write_conversations(path: pathlib.Path, conversations) -> pathlib.Path:
    """Lists of words that the user begins, as JSON lines."""
    lines = []
    for texts in conversations:
        messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
        lines.append(
            json.dumps({"messages": messages, "source": "generated", "license": "CC-BY-SA-4.0"}, ensure_ascii=False)
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_recipe(folder: pathlib.Path, **train):
    """tiny.toml with other values in [train]."""
    text = TINY.read_text()
    for key, value in train.items():
        old = next(line for line in text.split("\n") if line.startswith(f"{key} ="))
        text = text.replace(old, f"{key} = {value}")
    path = folder / "recipe.toml"
    path.write_text(text)
    return read_recipe(path)


def prepared_run(folder: pathlib.Path, recipe, count: int = 120) -> pathlib.Path:
    """A run folder, prepared with some generated conversations."""
    run = folder / "run"
    prepare(
        recipe, [write_conversations(folder / "conversations.jsonl", generated.conversations(count))], run, say=silent
    )
    return run
