"""The complete path: a 200 KB corpus, a model of 0.2M parameters, trained, evaluated, exported, quantized, and chatting
natively.

PARLEY names the native program; build/native/parley unless it is set. The exported file stays in build/train-test/ for
the test in the page (tests/e2e/trained_model.spec.ts).
"""

import json
import math
import os
import pathlib
import re
import shutil
import subprocess

import numpy
import pytest
import torch
from corpora import TINY, generated, write_conversations
from phrases import TOPICS

from parley_train import checkpoint, tokens
from parley_train.__main__ import main
from parley_train.evaluate import reply
from parley_train.loss import cross_entropies
from parley_train.model import Gpt2

ROOT = pathlib.Path(__file__).resolve().parents[3]
PARLEY = pathlib.Path(os.environ.get("PARLEY", ROOT / "build/native/parley"))
OUT = ROOT / "build/train-test"


def parley(*words, stdin=""):
    done = subprocess.run([PARLEY, *map(str, words)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run():
    """Everything but the chatting, through the command line of the package."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    corpus = write_conversations(OUT / "corpus.jsonl", generated.conversations(1250))
    words = sum(
        len(message["content"]) for line in corpus.read_text().splitlines() for message in json.loads(line)["messages"]
    )
    assert 190_000 < words < 220_000
    run = OUT / "run"
    for command in ("prepare", "train", "evaluate", "export"):
        more = {"prepare": [str(corpus)], "export": ["--parley", str(PARLEY), "--bundle", str(OUT / "models")]}
        assert main([command, str(TINY), str(run), *more.get(command, [])]) == 0, command
    return run


@pytest.fixture(scope="module")
def exported(run):
    """The exported folder read back: model and tokenizer."""
    folder = run / "export/hf"
    model = Gpt2(checkpoint.read_config(folder))
    checkpoint.start_from(model, checkpoint.read_weights(folder))
    return model, tokens.read_folder(folder)


def test_the_model_has_the_size_and_learns(run, exported):
    assert 150_000 < sum(parameter.numel() for parameter in exported[0].parameters()) < 250_000
    losses = json.loads((run / "evaluation.json").read_text())
    # Better than knowing how frequent each token is, by far: the entropy of the single tokens of this corpus is above 5
    # nats.
    assert losses["all"]["loss"] < 3
    text = (run / "conversations.txt").read_text()
    assert len(re.findall(r"^> ", text, re.MULTILINE)) == 22
    assert (run / "loss.svg").read_text().startswith("<svg")


@pytest.fixture(scope="module")
def f32(run):
    """The exported folder as GGUF in f32, which the native program's reference engine runs as it is."""
    path = run / "f32.gguf"
    parley("quantize", run / "export/hf", path, "--type", "f32")
    return path


def test_the_native_program_finds_the_same_perplexity(run, exported, f32):
    model, tokenizer = exported
    ids = torch.from_numpy(numpy.load(run / "validation/generated.npy").astype(numpy.int64))
    text = run / "validation.txt"
    text.write_text(tokenizer.decode(ids.tolist(), skip_special_tokens=False), encoding="utf-8")
    found = json.loads(parley("eval", "--engine", "reference", "--model", f32, "--text", text, "--special", "--json"))
    total, count = 0.0, 0
    for window in ids.split(model.config.context):
        losses = cross_entropies(model.hidden(window[None, :-1]).flatten(0, 1), model.wte.weight, window[1:])
        total, count = total + losses.double().sum().item(), count + len(losses)
    assert found["tokens"] == count
    # f32 in another order: a hidden value passes some ten sums of at most 256 terms, each off by at most 256 * 2^-24 =
    # 1.5e-5 of its size.
    assert found["perplexity"] == pytest.approx(math.exp(total / count), rel=10 * 256 * 2**-24)


def test_the_native_program_says_what_pytorch_says(exported, f32):
    model, tokenizer = exported
    user, assistant = tokenizer.token_to_id("<|user|>"), tokenizer.token_to_id("<|assistant|>")
    for questions, _ in TOPICS:
        ids = [user, *tokenizer.encode(questions[0], add_special_tokens=False).ids, assistant]
        greedy = tokenizer.decode(reply(model, tokenizer, ids, {"top_k": 1, "max_tokens": 32}, torch.Generator()))
        options = ["--temperature", "0", "--max-tokens", "32", "--repetition-penalty", "1"]
        prompt = f"<|user|>{questions[0]}<|assistant|>"
        said = parley(
            "complete",
            "--engine",
            "reference",
            "--model",
            f32,
            "--special",
            "--prompt",
            prompt,
            "--stop-token-ids",
            str(user),
            *options,
        )
        assert said.rstrip("\n") == greedy.rstrip("\n")


def test_the_quantized_file_chats_natively(run):
    gguf = run / "export/tiny.gguf"
    known = {answer for _, answers in TOPICS for answer in answers}
    asked = [questions[0] for questions, _ in TOPICS]
    replies = [
        parley("chat", "--model", gguf, "--temperature", "0", "--max-tokens", "32", stdin=question + "\n")
        for question in asked
    ]
    assert sum(any(answer in one for answer in known) for one in replies) >= len(asked) // 3, replies


def test_parts_and_entry_are_a_catalogs(run):
    catalog = json.loads((OUT / "models/catalog.json").read_text())
    [entry] = catalog["models"]
    gguf = (run / "export/tiny.gguf").read_bytes()
    [file] = entry["files"]
    assert b"".join((OUT / "models" / part["url"]).read_bytes() for part in file["parts"]) == gguf
    assert entry["chat_format"] == "role_tokens" and entry["parameters"] < 250_000 and entry["quantization"] == "Q8_0"
    card = (OUT / "models/tiny/README.md").read_text()
    assert "license: cc-by-sa-4.0" in card and "| generated | CC-BY-SA-4.0 |" in card
    inspected = json.loads(parley("inspect", "--json", run / "export/tiny.gguf"))
    assert "role_tokens" in json.dumps(inspected) and "cc-by-sa-4.0" in json.dumps(inspected)


def test_training_goes_on_from_the_gguf_file(exported, f32, tmp_path):
    """From f32 weights exactly those of the checkpoint, tokenizer included.

    A run started from the file prepares and trains.
    """
    model, tokenizer = exported
    weights = checkpoint.read_weights(f32)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert checkpoint.read_config(f32) == model.config
    text = "What is the opposite of hot? 你好"
    assert checkpoint.read_tokenizer(f32).encode(text).ids == tokenizer.encode(text).ids
    recipe = tmp_path / "more.toml"
    recipe.write_text(
        TINY.read_text().split("[model]")[0] + f'[model]\nstart = "{f32}"\n[train]\nsteps = 2\nbatch = 2\nwarmup = 1\n'
    )
    assert main(["prepare", str(recipe), str(tmp_path / "more"), str(OUT / "corpus.jsonl")]) == 0
    assert main(["train", str(recipe), str(tmp_path / "more")]) == 0
    first = json.loads((tmp_path / "more/log.jsonl").read_text().split("\n")[0])["loss"]
    # It goes on where it was, on the same corpus; untrained it would be ln(768) = 6.6.
    assert first < 3


def test_exporting_needs_a_license(run, tmp_path, capsys):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(TINY.read_text().replace('license = "CC-BY-SA-4.0"', ""))
    assert main(["export", str(recipe), str(run)]) == 1
    assert "export.license" in capsys.readouterr().err
