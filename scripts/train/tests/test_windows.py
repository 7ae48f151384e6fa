"""Which tokens a step sees."""

import numpy
import torch

from parley_train.windows import Windows, validation_windows


def windows(tmp_path, count, context=10, seed=1):
    numpy.save(tmp_path / "train.npy", numpy.arange(count, dtype=numpy.uint16))
    return Windows(tmp_path / "train.npy", context, seed)


def test_targets_are_one_token_further(tmp_path):
    ids, targets = windows(tmp_path, 200).batch(0, 4)
    assert ids.shape == (4, 10) and torch.equal(targets, ids + 1)


def test_an_epoch_sees_no_token_twice_and_others_begin_elsewhere(tmp_path):
    w = windows(tmp_path, 1000)
    first, _ = w.batch(0, w.per_epoch)
    second, _ = w.batch(w.per_epoch, w.per_epoch)
    assert first.unique().numel() == first.numel() >= 1000 - 2 * 10 - 1
    assert second.unique().numel() == second.numel()
    # Eleven offsets are possible: with eight epochs that were all cut alike by chance one seed in 2e7 would fail.
    offsets = [{int(row[0]) % 10 for row in w.batch(epoch * w.per_epoch, w.per_epoch)[0]} for epoch in range(8)]
    assert all(len(one) == 1 for one in offsets) and len(set.union(*offsets)) > 1


def test_a_batch_depends_on_its_number_alone(tmp_path):
    once, again = windows(tmp_path, 500), windows(tmp_path, 500)
    expected = [once.batch(i, 3)[0] for i in range(0, 120, 3)]
    for i in (90, 3, 60):
        assert torch.equal(again.batch(i, 3)[0], expected[i // 3])
    assert not torch.equal(windows(tmp_path, 500, seed=2).batch(0, 3)[0], expected[0])


def test_one_window_is_enough(tmp_path):
    ids, targets = windows(tmp_path, 11).batch(0, 2)
    assert ids.tolist() == [list(range(10))] * 2 and targets[0, -1] == 10


def test_validation_predicts_every_token_but_the_first_once(tmp_path):
    numpy.save(tmp_path / "v.npy", numpy.arange(25, dtype=numpy.uint16))
    targets = [t for _, wanted in validation_windows(tmp_path / "v.npy", 10) for t in wanted[0].tolist()]
    assert targets == list(range(1, 25))
