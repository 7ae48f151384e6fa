"""Reads a recipe: one TOML file that says what is trained on, how, and what comes out. Knows no other file.

Every key has a type and most have a default; a key that is not known, or a value of another type, is an InputError that
names it.
"""

import dataclasses
import pathlib
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field

from .errors import InputError


@dataclass(frozen=True)
class Data:
    """What becomes of the conversations before they are tokens."""

    validation: float = 0.01  # share of the conversations that is held out, chosen by a hash of their words
    fold_quotes: bool = True  # typographic quotes, dashes and ellipses become ASCII
    drop_words: list[str] = field(default_factory=list)  # a conversation with one of these words is left out


@dataclass(frozen=True)
class Mix:
    """How training conversations are multiplied; held-out ones stay as they are. Keys of the tables are sources."""

    repeat: dict[str, int] = field(default_factory=dict)  # seen so many times
    join: dict[str, int] = field(default_factory=dict)  # one to four joined into one conversation; so many times over
    swap_roles: dict[str, float] = field(
        default_factory=dict
    )  # this share is seen with user and assistant swapped as well
    lead: dict[str, list[str]] = field(
        default_factory=dict
    )  # into: [from, from...]: a conversation led in by another one
    lead_count: int = 0
    system_share: float = 0.0  # of conversations that begin with one of the source's system texts
    system: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """The size of a GPT-2. `start` names a checkpoint to go on from instead: its size and vocabulary are taken."""

    width: int = 384  # a multiple of 32, as blocks of quantized weights are
    layers: int = 8
    heads: int = 6
    context: int = 512
    vocabulary: int = 8192  # ids of the tokenizer that is learned: bytes, merges and special tokens
    tokenizer: str = ""  # a folder with vocab.json and merges.txt (GPT-2's, say) to use instead of learning one
    start: str = ""  # a Hugging Face folder or a GGUF file of architecture gpt2


@dataclass(frozen=True)
class Train:
    """One training run."""

    steps: int = 1000
    batch: int = 16  # windows a step, over all processes
    micro_batch: int = 1  # windows that go through the model at once; the rest of the batch is accumulated
    warmup: int = 100  # steps in which the rates rise to their values
    decay: float = 0.5  # share of the steps, at the end, in which they fall to zero
    muon_rate: float = 0.02
    muon_momentum: float = 0.95
    muon_decay: float = 0.05
    adam_rate: float = 3e-3
    adam_betas: list[float] = field(default_factory=lambda: [0.9, 0.98])
    seed: int = 1
    save_every: int = 100  # steps between checkpoints
    validate_every: int = 200


@dataclass(frozen=True)
class Export:
    """What people see of the model: the catalog's entry and the model card."""

    id: str = ""
    name: str = ""
    description: str = ""
    license: str = ""
    license_url: str = ""  # relative to the catalog; the model card unless given
    languages: list[str] = field(default_factory=lambda: ["en"])
    quantization: str = "q8_0"
    preset: dict[str, float] = field(
        default_factory=lambda: {
            "temperature": 0.7,
            "top_k": 40,
            "top_p": 0.92,
            "repetition_penalty": 1.1,
            "max_tokens": 64,
        }
    )


@dataclass(frozen=True)
class Recipe:
    path: pathlib.Path
    data: Data
    mix: Mix
    model: Model
    train: Train
    export: Export

    def resolve(self, name: str) -> pathlib.Path:
        """A path that stands in the recipe: relative to the recipe's folder."""
        return self.path.parent / name


def _matches(value, kind) -> bool:
    """Is a TOML value of this annotated type?"""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return isinstance(value, list) and all(_matches(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_matches(item, arguments[1]) for item in value.values())
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _name_of(kind) -> str:
    return str(kind) if isinstance(kind, types.GenericAlias) else kind.__name__


def _section(path, name, table, kind):
    fields = {item.name: item.type for item in dataclasses.fields(kind)}
    if not isinstance(table, dict):
        raise InputError(f"{path}: [{name}] is not a table")
    for key, value in table.items():
        if key not in fields:
            raise InputError(f"{path}: no key '{key}' in [{name}]; known: {', '.join(fields)}")
        if not _matches(value, fields[key]):
            raise InputError(f"{path}: {name}.{key} = {value!r}: {_name_of(fields[key])} expected")
    return kind(**table)


def _check(recipe: Recipe) -> None:
    def need(holds, what):
        if not holds:
            raise InputError(f"{recipe.path}: {what}")

    data, model, train = recipe.data, recipe.model, recipe.train
    need(0 <= data.validation < 1, f"data.validation = {data.validation}: 0 or more and less than 1 expected")
    need(model.width > 0 and model.width % 32 == 0, f"model.width = {model.width}: a multiple of 32 expected")
    need(
        model.heads > 0 and model.width % model.heads == 0,
        f"model.heads = {model.heads}: a divisor of model.width = {model.width} expected",
    )
    need(model.layers > 0 and model.context > 1, "model.layers above 0 and model.context above 1 expected")
    need(
        model.vocabulary >= 260,
        f"model.vocabulary = {model.vocabulary}: at least 260 expected, 256 bytes and 4 special tokens",
    )
    need(
        not (model.tokenizer and model.start),
        "model.tokenizer and model.start exclude each other: a checkpoint has its own",
    )
    need(train.steps > 0 and train.batch > 0, "train.steps and train.batch above 0 expected")
    need(
        0 < train.micro_batch and train.batch % train.micro_batch == 0,
        f"train.micro_batch = {train.micro_batch}: a divisor of train.batch = {train.batch} expected",
    )
    need(0 <= train.decay <= 1, f"train.decay = {train.decay}: 0 to 1 expected")
    need(train.warmup >= 0 and train.save_every > 0 and train.validate_every > 0, "train: steps above 0 expected")
    need(len(train.adam_betas) == 2, f"train.adam_betas = {train.adam_betas}: two numbers expected")
    for name in sorted(set(recipe.export.preset) - set(PRESET)):
        need(False, f"export.preset has '{name}'; known: {', '.join(PRESET)}")
    need(
        re.fullmatch(r"[\w.-]*", recipe.export.id),
        f"export.id = {recipe.export.id!r}: letters, digits, '_', '-', '.' expected",
    )
    need(recipe.export.quantization in ("q8_0", "q4_0"), "export.quantization: q8_0 or q4_0 expected")


PRESET = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "max_tokens",
)  # as web/engine/models/catalog.ts
SECTIONS = {"data": Data, "mix": Mix, "model": Model, "train": Train, "export": Export}


def read_recipe(path: pathlib.Path) -> Recipe:
    """Reads and checks a recipe. Raises InputError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    for name in tables:
        if name not in SECTIONS:
            raise InputError(f"{path}: no section [{name}]; known: {', '.join(SECTIONS)}")
    sections = {name: _section(path, name, tables.get(name, {}), kind) for name, kind in SECTIONS.items()}
    recipe = Recipe(path=path, **sections)
    _check(recipe)
    return recipe
