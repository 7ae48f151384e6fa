"""The training loop: resumed after a kill, in two processes, in micro-batches."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import torch
from corpora import prepared_run, silent, tiny_recipe

from parley_train.errors import InputError
from parley_train.recipe import Train
from parley_train.train import Log, Trainer, rate_at, train

PACKAGE = pathlib.Path(__file__).parents[1]
THREADS = {"OMP_NUM_THREADS": "1"}  # as in this process


def start(recipe, run, *arguments, launcher=()):
    command = [sys.executable, *launcher, "-m", "parley_train", "train", str(recipe.path), str(run), *arguments]
    return subprocess.Popen(
        command, cwd=PACKAGE, env=os.environ | THREADS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def logged(run, key="loss"):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line[key] for line in lines if key in line}


def fresh(run, folder):
    """Another run folder of what was prepared once."""
    folder.mkdir()
    for name in ("tokenizer", "train.npy", "validation", "prepared.json"):
        (folder / name).symlink_to(run / name)
    return folder


@pytest.fixture
def recipe(tmp_path):
    return tiny_recipe(tmp_path, steps=24, save_every=5, validate_every=12, batch=4, micro_batch=2, warmup=4)


def test_a_killed_run_goes_on_to_the_same_losses_and_weights(recipe, tmp_path):
    whole = prepared_run(tmp_path, recipe)
    broken = fresh(whole, tmp_path / "broken")
    process = start(recipe, broken)
    while not (broken / "state.pt").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert torch.load(broken / "state.pt")["step"] < 24
    finish(start(recipe, broken))
    finish(start(recipe, whole))
    assert sorted(logged(whole)) == [*range(1, 25)]
    assert logged(broken) == logged(whole)
    assert logged(broken, "validation") == logged(whole, "validation") and sorted(logged(whole, "validation")) == [
        12,
        24,
    ]
    ours, theirs = (torch.load(run / "state.pt")["model"] for run in (broken, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_kill_while_a_state_is_written_leaves_the_old_one(recipe, tmp_path):
    run = prepared_run(tmp_path, recipe)
    train(recipe, run, "cpu", "f32", False, 5, say=silent)
    whole = (run / "state.pt").read_bytes()
    (run / "state.pt.partial").write_bytes(whole[: len(whole) // 2])
    with open(run / "log.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 6, "loss": 1.0}\n{"step": 7, "lo')
    train(recipe, run, "cpu", "f32", False, 8, say=silent)
    assert sorted(logged(run)) == [*range(1, 9)] and logged(run)[6] != 1.0


def test_two_processes_compute_what_one_does(recipe, tmp_path):
    one = prepared_run(tmp_path, recipe)
    two = fresh(one, tmp_path / "two")
    finish(start(recipe, one, "--stop-after", "3"))
    finish(
        start(
            recipe,
            two,
            "--stop-after",
            "3",
            launcher=("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        )
    )
    first, both = logged(one), logged(two)
    # Before any step the weights are the same. A loss is a mean of 4 x 128 terms of about 6.6, summed in another order:
    # each of some 600 additions may round by 2^-24 of the sum.
    assert abs(first[1] - both[1]) < 600 * 2**-24 * 7
    # Gradients differ by as much of themselves; AdamW's first updates are rate * g / |g|, so only a g that is near zero
    # within its rounding can move a weight by another amount, 2 rates at most; Newton-Schulz multiplies differences by
    # up to 3.4^5 = 480. Steps 2 and 3 are at rates below 0.02, on which a loss of 6.6 depends with slopes of about 1:
    # 600 * 2^-24 * 480 * 0.02 * 2 steps = 7e-4.
    for step in (2, 3):
        assert abs(first[step] - both[step]) < 7e-4


def test_micro_batches_add_up_to_the_batch(tmp_path):
    whole = tiny_recipe(tmp_path, batch=4, micro_batch=4)
    run = prepared_run(tmp_path, whole)
    large = Trainer(whole, run, "cpu", False, False)
    small = Trainer(tiny_recipe(tmp_path, batch=4, micro_batch=1), run, "cpu", False, False)
    gradients = []
    for trainer in (large, small):
        # Only the gradients: what the optimizers make of them is theirs.
        for optimizer in trainer.optimizers:
            optimizer.step = lambda: None
            optimizer.zero_grad = lambda set_to_none: None
        trainer.run_step()
        gradients.append([parameter.grad for parameter in trainer.model.parameters()])
    for a, b in zip(*gradients, strict=True):
        # Sums of 512 rows in another order: 512 * 2^-24 of the largest, and the rounding of what is summed.
        torch.testing.assert_close(a, b, rtol=0, atol=2 * 512 * 2**-24 * max(a.abs().max().item(), 0.1))


def test_a_batch_that_does_not_divide_is_refused(tmp_path, monkeypatch):
    recipe = tiny_recipe(tmp_path, batch=6, micro_batch=2)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(InputError, match="micro-batches of 2 for 2 processes"):
        Trainer(recipe, tmp_path, "cpu", False, False)


def test_a_state_of_another_model_is_refused(recipe, tmp_path):
    run = prepared_run(tmp_path, recipe)
    train(recipe, run, "cpu", "f32", False, 1, say=silent)
    # Stopped before the first save_every: the last step is kept.
    assert torch.load(run / "state.pt")["step"] == 1
    (tmp_path / "recipe.toml").write_text((tmp_path / "recipe.toml").read_text().replace("layers = 3", "layers = 2"))
    from parley_train.recipe import read_recipe

    with pytest.raises(InputError, match="another model"):
        train(read_recipe(tmp_path / "recipe.toml"), run, "cpu", "f32", False, 2, say=silent)


def test_training_without_preparing_is_refused(recipe, tmp_path):
    with pytest.raises(InputError, match="prepare it first"):
        train(recipe, tmp_path / "nothing", "cpu", "f32", False, None, say=silent)


def test_rates_rise_stay_and_fall():
    shape = Train(steps=100, warmup=10, decay=0.5)
    rates = [rate_at(step, shape) for step in range(100)]
    assert rates[:10] == [pytest.approx((i + 1) / 10) for i in range(10)]
    assert rates[10:51] == [1.0] * 41
    assert rates[75] == pytest.approx(0.5) and rates[99] == pytest.approx(0.02)


def test_the_log_forgets_what_comes_again(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"st')
    Log(path, 1).add(step=2, loss=1.5)
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [3, 1.5]
