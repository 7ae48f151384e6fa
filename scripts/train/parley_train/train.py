"""`train`: the training loop. Deterministic: a run that was killed goes on to the same losses, bit for bit.

One process, or several that torchrun starts: each computes its share of a step's windows, and gradients are averaged
(DDP).

    RUN/state.pt       weights, optimizers and step, replaced whole every train.save_every steps
    RUN/log.jsonl      a line a step: loss, rate, tokens a second; lines with a validation loss
    RUN/loss.svg       both losses, drawn
"""

import contextlib
import json
import os
import pathlib
import sys
import time
from dataclasses import asdict
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint
from .errors import InputError
from .evaluate import losses_by_source, mean_loss
from .memory import keep_freed_memory
from .model import Config, Gpt2
from .muon import Muon
from .plot import draw_losses
from .recipe import Recipe, Train
from .windows import Windows


def rate_at(step: int, train: Train) -> float:
    """What the rates are multiplied with in a step: a rise, a constant, a fall to zero at the end."""
    rise = min(1.0, (step + 1) / train.warmup) if train.warmup else 1.0
    fall = (train.steps - step) / (train.decay * train.steps) if train.decay else 1.0
    return min(rise, 1.0, fall)


def optimizers_of(model: Gpt2, train: Train) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, norms and biases."""
    matrices = {name: p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("h.")}
    others = [p for name, p in model.named_parameters() if name not in matrices]
    qkv = [p for name, p in matrices.items() if name.endswith("c_attn.weight")]
    single = [p for name, p in matrices.items() if not name.endswith("c_attn.weight")]
    groups = [{"params": qkv, "stacked": 3}, {"params": single}]
    return [
        Muon(groups, train.muon_rate, train.muon_momentum, train.muon_decay),
        torch.optim.AdamW(others, lr=train.adam_rate, betas=tuple(train.adam_betas), weight_decay=0.0, fused=True),
    ]


def model_for(recipe: Recipe, run: pathlib.Path) -> Gpt2:
    """The model that the run folder was prepared for, with its first weights. Raises InputError."""
    try:
        prepared = json.loads((run / "prepared.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{run}: prepare it first: {error.strerror}") from error
    if recipe.model.start:
        start = recipe.resolve(recipe.model.start)
        config = checkpoint.read_config(start)
        model = Gpt2(Config(**asdict(config) | {"vocabulary": max(prepared["vocabulary"], config.vocabulary)}))
        checkpoint.start_from(model, checkpoint.read_weights(start))
        return model
    size = recipe.model
    model = Gpt2(Config(prepared["vocabulary"], size.width, size.layers, size.heads, size.context))
    model.initialize(recipe.train.seed)
    return model


class Trainer:
    """One process's part of a run."""

    def __init__(self, recipe: Recipe, run: pathlib.Path, device: str, bfloat16: bool, compiled: bool):
        self.recipe, self.run, self.device, self.bfloat16 = recipe, run, device, bfloat16
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        train = recipe.train
        if train.batch % (train.micro_batch * self.world):
            raise InputError(
                f"train.batch = {train.batch} does not divide into micro-batches of {train.micro_batch} "
                f"for {self.world} processes"
            )
        self.model = model_for(recipe, run).to(device)
        self.optimizers = optimizers_of(self.model, train)
        self.step = 0
        self._resume()
        wrapped = DistributedDataParallel(self.model) if self.world > 1 else self.model
        self.parallel = wrapped
        self.forward = torch.compile(wrapped) if compiled else wrapped
        self.windows = Windows(run / "train.npy", self.model.config.context, train.seed)

    @property
    def tokens_a_step(self) -> int:
        return self.recipe.train.batch * self.model.config.context

    def _resume(self) -> None:
        path = self.run / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["config"] != asdict(self.model.config):
            raise InputError(f"{path} is of another model than the recipe's; take another run folder")
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = state["step"]

    def save(self) -> None:
        """Replaces state.pt: a kill at any moment leaves the old one or the new one, whole."""
        state = {
            "config": asdict(self.model.config),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
        }
        partial = self.run / "state.pt.partial"
        with open(partial, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.run / "state.pt")

    def _micro_batches(self):
        """This process's windows of the step, a micro-batch at a time."""
        train = self.recipe.train
        share = train.batch // self.world
        first = self.step * train.batch + self.rank * share
        for begin in range(first, first + share, train.micro_batch):
            yield [part.to(self.device) for part in self.windows.batch(begin, train.micro_batch)]

    def run_step(self) -> float:
        """One step of the optimizers. Returns the mean loss before it, of all processes."""
        train = self.recipe.train
        rate = rate_at(self.step, train)
        for optimizer, base in zip(self.optimizers, (train.muon_rate, train.adam_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * rate
        count = train.batch // self.world // train.micro_batch
        total = torch.zeros((), device=self.device)
        for number, (ids, targets) in enumerate(self._micro_batches(), 1):
            # Gradients meet the other processes' once a step, with the last micro-batch.
            quiet = self.parallel.no_sync() if self.world > 1 and number < count else contextlib.nullcontext()
            with quiet:
                with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bfloat16):
                    loss = self.forward(ids, targets)
                (loss / count).backward()
            total += loss.detach() / count
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        if self.world > 1:
            dist.all_reduce(total)
            total /= self.world
        self.step += 1
        return total.item()


class Log:
    """log.jsonl: after a kill it may be ahead of state.pt, so lines of steps that come again are taken out first."""

    def __init__(self, path: pathlib.Path, step: int):
        self.lines = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                # A kill in the middle of a write leaves a line that does not end.
                with contextlib.suppress(json.JSONDecodeError):
                    self.lines.append(json.loads(line))
            self.lines = [line for line in self.lines if line["step"] <= step]
        self.file = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115, open as long as the run
        for line in self.lines:
            self.file.write(json.dumps(line) + "\n")

    def add(self, **line) -> None:
        self.lines.append(line)
        self.file.write(json.dumps(line) + "\n")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _train(trainer: Trainer, steps: int, say) -> None:
    train, leads = trainer.recipe.train, trainer.rank == 0
    log = Log(trainer.run / "log.jsonl", trainer.step) if leads else None
    began, first = time.perf_counter(), trainer.step
    while trainer.step < steps:
        step_began = time.perf_counter()
        loss = trainer.run_step()
        now = time.perf_counter()
        if not leads:
            continue
        speed = trainer.tokens_a_step / (now - step_began)
        log.add(step=trainer.step, loss=loss, tokens_per_second=round(speed))
        left = (steps - trainer.step) * (now - began) / (trainer.step - first)
        say(f"step {trainer.step}/{steps}  loss {loss:.4f}  {speed:,.0f} tokens/s  {_clock(left)} left")
        last = trainer.step == steps
        if trainer.step % train.validate_every == 0 or last:
            validation = mean_loss(losses_by_source(trainer.model, trainer.run))
            if validation is not None:
                log.add(step=trainer.step, validation=validation)
                say(f"step {trainer.step}/{steps}  validation loss {validation:.4f}")
        if trainer.step % train.save_every == 0 or last:
            trainer.save()
            (trainer.run / "loss.svg").write_text(draw_losses(log.lines), encoding="utf-8")


def can_bfloat16(device: str) -> bool:
    """Are bf16 products in the hardware? Where they are not, they are emulated and slower than f32's by far."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    return device == "cpu" and any(
        check() for check in (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported)
    )


def train(
    recipe: Recipe, run: pathlib.Path, device: str, precision: str, compiled: bool, stop_after: int | None, say=print
) -> None:
    """Trains to the recipe's last step, or to `stop_after`, from where the run folder is. Raises InputError."""
    keep_freed_memory()
    torch.use_deterministic_algorithms(True)
    distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if distributed:
        # The others wait while the first one validates.
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=timedelta(hours=2))
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    try:
        bfloat16 = can_bfloat16(device) if precision == "auto" else precision == "bf16"
        trainer = Trainer(recipe, run, device, bfloat16, compiled)
        steps = min(recipe.train.steps, stop_after or recipe.train.steps)
        if trainer.rank == 0:
            parameters = sum(p.numel() for p in trainer.model.parameters())
            kind = "bf16" if bfloat16 else "f32"
            say(f"{parameters:,} parameters, {trainer.tokens_a_step:,} tokens a step, {kind}, from step {trainer.step}")
        _train(trainer, steps, say if trainer.rank == 0 else lambda _: None)
        if distributed:
            dist.barrier()  # nobody leaves while the first one validates and saves
    finally:
        if distributed:
            dist.destroy_process_group()
    sys.stdout.flush()
