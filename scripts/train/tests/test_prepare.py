"""`prepare` as a whole: what goes into a run folder, and what never does."""

import collections
import json

import numpy
import pytest
from corpora import silent, write_conversations

from parley_train import tokens
from parley_train.errors import InputError
from parley_train.prepare import cleaned, prepare
from parley_train.recipe import read_recipe

RECIPE = """
[data]
validation = 0.3
drop_words = ["secret"]
[mix]
repeat = { generated = 2 }
swap_roles = { generated = 1.0 }
lead = { generated = ["generated"] }
lead_count = 20
[model]
vocabulary = 400
context = 16
"""


def talk(i):
    return [f"question {i}", f"answer {i}", f"more {i}", f"and {i}"]


@pytest.fixture
def prepared(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    talks = [talk(i) for i in range(100, 160)]
    files = [write_conversations(tmp_path / "a.jsonl", [*talks, *talks[:5], ["a secret", "no"]])]
    recipe = read_recipe(tmp_path / "recipe.toml")
    prepare(recipe, files, tmp_path / "run", say=silent)
    return recipe, files, tmp_path / "run"


def test_no_words_that_are_held_out_are_trained_on(prepared):
    _, _, run = prepared
    tokenizer = tokens.read_folder(run / "tokenizer")
    training, held_out = (
        tokenizer.decode(numpy.load(run / name).tolist(), skip_special_tokens=False)
        for name in ("train.npy", "validation/generated.npy")
    )
    sides = collections.Counter()
    for i in range(100, 160):
        for words in talk(i):
            assert (words in training) != (words in held_out)
        sides[talk(i)[0] in training] += 1
    assert sides[True] > 20 and sides[False] > 5
    assert "secret" not in training + held_out


def test_the_counts_are_those_of_what_is_left(prepared):
    _, _, run = prepared
    summary = json.loads((run / "prepared.json").read_text())
    source = summary["sources"]["generated"]
    assert source["conversations"] == 60 and source["licenses"] == ["CC-BY-SA-4.0"]
    assert source["held_out_tokens"] == len(numpy.load(run / "validation/generated.npy"))
    assert summary["training_tokens"] == len(numpy.load(run / "train.npy"))
    assert numpy.load(run / "train.npy").dtype == numpy.uint16


def test_preparing_again_gives_the_same_bytes(prepared, tmp_path):
    recipe, files, run = prepared
    prepare(recipe, files, tmp_path / "again", say=silent)
    for path in sorted(run.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(run)).read_bytes(), path


def test_what_is_left_out_is_counted(prepared):
    recipe, files, _ = prepared
    from parley_train.conversations import read_file

    dropped = collections.Counter()
    assert len(cleaned(recipe, read_file(files[0]), dropped)) == 60
    assert dropped == {"a double": 5, "a word of data.drop_words": 1}


def test_too_little_to_train_on_is_an_error(prepared, tmp_path):
    recipe, _, _ = prepared
    (tmp_path / "empty.tsv").write_text("\n")
    with pytest.raises(InputError, match="no conversation is left"):
        prepare(recipe, [tmp_path / "empty.tsv"], tmp_path / "nothing", say=silent)
    (tmp_path / "plain.toml").write_text("[data]\nvalidation = 0\n")
    (tmp_path / "short.tsv").write_text("a\tb\n")
    with pytest.raises(InputError, match="more than the context of 512"):
        prepare(read_recipe(tmp_path / "plain.toml"), [tmp_path / "short.tsv"], tmp_path / "nothing", say=silent)
