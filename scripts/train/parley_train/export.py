"""`export`: a trained model as a Hugging Face folder with its card, as GGUF, and as parts with a catalog entry.

RUN/export/hf/       what GPT2LMHeadModel.from_pretrained loads
RUN/export/ID.gguf   what Parley, its page and llama.cpp load, made by `parley quantize`
RUN/export/entry.json
"""

import json
import pathlib
import subprocess
import sys

from . import checkpoint
from .errors import InputError
from .recipe import Recipe

ROOT = pathlib.Path(__file__).resolve().parents[3]


def catalog_entry(recipe: Recipe, model, roles: bool) -> dict:
    """The catalog's entry without what scripts/bundle_model.py computes."""
    export = recipe.export
    return {
        "id": export.id,
        "name": export.name or export.id,
        "description": export.description,
        "license": export.license,
        "license_url": export.license_url or f"{export.id}/README.md",
        "languages": export.languages,
        "architecture": "gpt2",
        "quantization": export.quantization.upper(),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "context": model.config.context,
        "chat_format": "role_tokens" if roles else "completion",
        "preset": export.preset,
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def model_card(entry: dict, model, prepared: dict, steps: int, tokens_seen: int, losses: dict) -> str:
    """Markdown with the front matter of the Hugging Face hub.

    What it is, its sources and licences, its held-out losses.
    """
    config = model.config
    sources = [
        [name, ", ".join(one["licenses"]) or "not stated", str(one["conversations"])]
        for name, one in prepared["sources"].items()
    ]
    languages = ", ".join(entry["languages"])
    parts = [
        f"---\nlicense: {entry['license'].lower()}\nlanguage: [{languages}]\npipeline_tag: text-generation\n---",
        f"# {entry['name']}",
        entry["description"],
        f"GPT-2's architecture: width {config.width}, {config.layers} layers, {config.heads} heads, "
        f"context {config.context}, a vocabulary of {config.vocabulary}, {entry['parameters']:,} parameters. "
        f"Trained for {steps:,} steps on {tokens_seen:,} tokens from {prepared['training_tokens']:,}.",
        "## Training data",
        _table(["source", "licence", "conversations"], sources),
    ]
    if losses:
        rows = [
            [name, str(one["tokens"]), f"{one['loss']:.3f}", f"{one['perplexity']:.2f}"] for name, one in losses.items()
        ]
        parts += ["## On held-out conversations", _table(["source", "tokens", "nats a token", "perplexity"], rows)]
    return "\n\n".join(parts) + "\n"


def _run(*command) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")


def export(
    recipe: Recipe,
    model,
    tokenizer,
    step: int,
    run: pathlib.Path,
    parley: pathlib.Path | None,
    bundle: pathlib.Path | None,
    say=print,
) -> None:
    """Writes all three; parts and the catalog in `bundle` only when it is given. Raises InputError."""
    for key in ("id", "description", "license"):
        if not getattr(recipe.export, key):
            raise InputError(f"{recipe.path}: export.{key} is needed to export")
    parley = parley or ROOT / "build/native/parley"
    if not parley.exists():
        raise InputError(
            f"{parley} is not there; name it with --parley, or build it: "
            "cmake --preset native && cmake --build --preset native --target parley"
        )
    prepared = json.loads((run / "prepared.json").read_text(encoding="utf-8"))
    evaluation = run / "evaluation.json"
    losses = json.loads(evaluation.read_text(encoding="utf-8")) if evaluation.exists() else {}
    entry = catalog_entry(recipe, model, tokenizer.token_to_id("<|user|>") is not None)
    card = model_card(entry, model, prepared, step, step * recipe.train.batch * model.config.context, losses)

    out = run / "export"
    folder, gguf, entry_path = out / "hf", out / f"{entry['id']}.gguf", out / "entry.json"
    checkpoint.write_folder(model, tokenizer, folder, recipe.export.preset)
    (folder / "README.md").write_text(card, encoding="utf-8")
    entry_path.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _run(parley, "quantize", folder, gguf, "--type", recipe.export.quantization, "--name", entry["name"])
    say(f"{folder}\n{gguf}")
    if bundle is not None:
        _run(sys.executable, ROOT / "scripts/bundle_model.py", gguf, entry_path, "--models", bundle)
        (bundle / entry["id"] / "README.md").write_text(card, encoding="utf-8")
        (bundle / entry["id"] / "entry.json").write_text(entry_path.read_text(encoding="utf-8"), encoding="utf-8")
        say(f"{bundle / entry['id']}")
