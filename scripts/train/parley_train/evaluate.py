"""`evaluate`: loss and perplexity on held-out conversations, by source, and replies to fixed openings as text."""

import json
import math
import pathlib

import torch

from .loss import cross_entropies
from .windows import validation_windows

OPENINGS = [
    ["Hello!"],
    ["Hi, who are you?"],
    ["What can you do?"],
    ["Is what I write private?"],
    ["How are you today?"],
    ["I had a really bad day."],
    ["What is the capital of France?"],
    ["What is 3 plus 4?"],
    ["What is the opposite of hot?"],
    ["Which day comes after Monday?"],
    ["Do you like movies?"],
    ["Who is your favorite musician?"],
    ["Did you watch the game last night?"],
    ["I would like to book a table for two people."],
    ["I need a flight from Boston to Seattle next Friday."],
    ["What will the weather be like tomorrow?"],
    ["Can you recommend a good book?"],
    ["Tell me a joke."],
    ["Hello!", "I want to talk about dogs."],
    ["Thanks for your help.", "Goodbye!"],
]


@torch.no_grad()
def losses_by_source(model, run: pathlib.Path) -> dict[str, tuple[float, int]]:
    """Mean loss in nats a token and the number of tokens, of each source with held-out conversations."""
    device = model.wte.weight.device
    result = {}
    for path in sorted((run / "validation").glob("*.npy")):
        total, count = 0.0, 0
        for ids, targets in validation_windows(path, model.config.context):
            hidden = model.hidden(ids.to(device)).flatten(0, 1)
            losses = cross_entropies(hidden, model.wte.weight, targets.to(device).flatten())
            total += losses.double().sum().item()
            count += len(losses)
        if count:
            result[path.stem] = total / count, count
    return result


def mean_loss(by_source: dict[str, tuple[float, int]]) -> float | None:
    """Over all tokens; None without held-out conversations."""
    count = sum(count for _, count in by_source.values())
    return sum(loss * count for loss, count in by_source.values()) / count if count else None


@torch.no_grad()
def reply(model, tokenizer, ids: list[int], preset: dict, generator: torch.Generator) -> list[int]:
    """Samples ids by temperature, top_k and top_p until a special token or the preset's max_tokens.

    For reading along: the engine's penalties are not applied.
    """
    special = {id for id, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    said: list[int] = []
    while len(said) < preset.get("max_tokens", 64):
        window = torch.tensor([(ids + said)[-model.config.context :]], device=model.wte.weight.device)
        logits = (model.hidden(window)[0, -1] @ model.wte.weight.T).float().cpu()
        logits /= max(preset.get("temperature", 1), 1e-6)  # 0: the likeliest always
        values, candidates = logits.topk(min(int(preset.get("top_k", 50)), len(logits)))
        shares = values.softmax(0)
        shares[1:][shares.cumsum(0)[:-1] > preset.get("top_p", 1)] = 0
        chosen = candidates[torch.multinomial(shares, 1, generator=generator)].item()
        if chosen in special:
            break
        said.append(chosen)
    return said


def conversations(model, tokenizer, preset: dict, seed: int = 1) -> str:
    """The model's replies to OPENINGS; a model without role tokens goes on from their words."""
    user, assistant = (tokenizer.token_to_id(name) for name in ("<|user|>", "<|assistant|>"))
    generator = torch.Generator().manual_seed(seed)
    lines = []
    for opening in OPENINGS:
        ids: list[int] = []
        for text in opening:
            words = tokenizer.encode(text, add_special_tokens=False).ids
            ids += words if user is None else [user, *words, assistant]
            said = reply(model, tokenizer, ids, preset, generator)
            ids += said
            lines += [f"> {text}", f"  {tokenizer.decode(said).strip()}"]
        lines.append("")
    return "\n".join(lines)


def evaluate(model, tokenizer, run: pathlib.Path, preset: dict, say=print) -> None:
    """Prints both, and keeps them in RUN/evaluation.json and RUN/conversations.txt."""
    by_source = losses_by_source(model, run)
    rows = [*by_source.items()]
    if (mean := mean_loss(by_source)) is not None:
        rows.append(("all", (mean, sum(count for _, count in by_source.values()))))
    say(f"{'source':<16} {'tokens':>8} {'loss':>7} {'perplexity':>11}")
    for source, (loss, count) in rows:
        say(f"{source:<16} {count:>8} {loss:>7.3f} {math.exp(loss):>11.2f}")
    table = {source: {"tokens": count, "loss": loss, "perplexity": math.exp(loss)} for source, (loss, count) in rows}
    (run / "evaluation.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    text = conversations(model, tokenizer, preset)
    (run / "conversations.txt").write_text(text, encoding="utf-8")
    say(f"\n{text}")
