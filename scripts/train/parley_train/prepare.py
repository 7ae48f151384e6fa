"""`prepare`: files of conversations -> a run folder with a tokenizer and packed tokens.

RUN/tokenizer/             vocab.json, merges.txt and their configs
RUN/train.npy              ids of all training conversations, one after another
RUN/validation/SOURCE.npy  ids of a source's held-out conversations
RUN/prepared.json          sources with licences and counts
"""

import collections
import json
import pathlib

import numpy

from . import checkpoint, tokens
from .conversations import Conversation, clean, is_held_out, read_file, word_pattern
from .errors import InputError
from .mix import mixed
from .recipe import Recipe


def cleaned(recipe: Recipe, conversations: list[Conversation], dropped: collections.Counter) -> list[Conversation]:
    """Clean ones without doubles, in their order; `dropped` counts the others by reason."""
    pattern = word_pattern(recipe.data.drop_words)
    seen: set[int] = set()
    result = []
    for original in conversations:
        conversation = clean(original, recipe.data.fold_quotes)
        if conversation is None:
            dropped["nothing is said"] += 1
        elif pattern and any(pattern.search(text) for _, text in conversation.messages):
            dropped["a word of data.drop_words"] += 1
        elif conversation.digest() in seen:
            dropped["a double"] += 1
        else:
            seen.add(conversation.digest())
            result.append(conversation)
    return result


def _tokenizer(recipe: Recipe, training: list[Conversation]):
    roles = any(not one.is_plain for one in training)
    if recipe.model.start:
        tokenizer = checkpoint.read_tokenizer(recipe.resolve(recipe.model.start))
    elif recipe.model.tokenizer:
        tokenizer = tokens.read_folder(recipe.resolve(recipe.model.tokenizer))
    else:
        return tokens.learn(training, recipe.model.vocabulary, roles)
    tokens.add_special(tokenizer, roles)
    return tokenizer


def _save(path: pathlib.Path, rows: list[list[int]], vocabulary: int) -> int:
    """Writes ids one after another, two bytes each where that is enough. Returns how many."""
    dtype = numpy.uint16 if vocabulary <= 1 << 16 else numpy.uint32
    ids = numpy.fromiter((id for row in rows for id in row), dtype=dtype, count=sum(map(len, rows)))
    path.parent.mkdir(parents=True, exist_ok=True)
    numpy.save(path, ids)
    return len(ids)


def _save_validation(recipe, tokenizer, conversations: list[Conversation], folder: pathlib.Path) -> dict:
    """Writes a file a source with held-out conversations. Returns what prepared.json says of each source."""
    for path in folder.glob("*.npy"):
        path.unlink()
    sources = {}
    for source in sorted({one.source for one in conversations}):
        mine = [one for one in conversations if one.source == source]
        held_out = [one for one in mine if is_held_out(one, recipe.data.validation)]
        rows = tokens.encode_all(tokenizer, held_out)
        vocabulary = tokenizer.get_vocab_size(with_added_tokens=True)
        sources[source] = {
            "licenses": sorted({one.license for one in mine if one.license}),
            "conversations": len(mine),
            "held_out": len(held_out),
            "held_out_tokens": _save(folder / f"{source}.npy", rows, vocabulary) if rows else 0,
        }
    return sources


def prepare(recipe: Recipe, files: list[pathlib.Path], run: pathlib.Path, say=print) -> None:
    """Writes the run folder. Raises InputError when the files, or what is left of them, are not enough to train on."""
    dropped: collections.Counter = collections.Counter()
    conversations = cleaned(recipe, [one for path in files for one in read_file(path)], dropped)
    kept = [one for one in conversations if not is_held_out(one, recipe.data.validation)]
    if not kept:
        raise InputError("no conversation is left to train on")
    training = mixed(kept, recipe.mix, recipe.train.seed)
    held_out = len(conversations) - len(kept)
    say(f"{len(conversations)} conversations, {held_out} of them held out; {len(training)} to train on after mixing")
    for reason, count in dropped.items():
        say(f"  {count} left out: {reason}")

    tokenizer = _tokenizer(recipe, training)
    vocabulary = tokenizer.get_vocab_size(with_added_tokens=True)
    start = recipe.resolve(recipe.model.start)
    context = checkpoint.read_config(start).context if recipe.model.start else recipe.model.context
    rows = tokens.encode_all(tokenizer, training)
    if (count := sum(map(len, rows))) <= context:
        raise InputError(f"{count} tokens to train on; more than the context of {context} are needed")
    tokens.write_folder(tokenizer, run / "tokenizer", context)
    _save(run / "train.npy", rows, vocabulary)
    sources = _save_validation(recipe, tokenizer, conversations, run / "validation")
    summary = {"vocabulary": vocabulary, "context": context, "training_tokens": count, "sources": sources}
    (run / "prepared.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    say(f"{count} training tokens of a vocabulary of {vocabulary}; {run}")
