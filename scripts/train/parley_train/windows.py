"""Packed tokens as windows.

Which ones a step sees is a function of seed, step and process, so a resumed run sees the same.
"""

import pathlib

import numpy
import torch


class Windows:
    """Windows of `context` tokens with the targets one further, every one once an epoch, in a shuffled order.

    Each epoch begins at another offset, so that windows are cut elsewhere.
    """

    def __init__(self, path: pathlib.Path, context: int, seed: int):
        self.ids = numpy.load(path, mmap_mode="r")
        self.context, self.seed = context, seed
        # One window is left for the offset and the last target, unless there is no second one.
        self.per_epoch = max(1, (len(self.ids) - 1) // context - 1)
        self._epoch, self._begins = -1, None

    def _begin(self, index: int) -> int:
        epoch, at = divmod(index, self.per_epoch)
        if epoch != self._epoch:
            rng = numpy.random.default_rng([self.seed, epoch])
            room = len(self.ids) - 1 - self.per_epoch * self.context
            offset = rng.integers(min(room, self.context) + 1)
            self._epoch, self._begins = epoch, offset + self.context * rng.permutation(self.per_epoch)
        return int(self._begins[at])

    def batch(self, first: int, count: int):
        """Windows number first to first + count of the whole training: ids and targets, [count, context] each."""
        rows = [self.ids[begin : begin + self.context + 1] for begin in map(self._begin, range(first, first + count))]
        both = torch.from_numpy(numpy.stack(rows).astype(numpy.int64))
        return both[:, :-1], both[:, 1:]


def validation_windows(path: pathlib.Path, context: int):
    """Ids and targets of windows that follow one another, [1, context]; the last one is shorter."""
    ids = torch.from_numpy(numpy.load(path).astype(numpy.int64))
    for begin in range(0, len(ids) - 1, context):
        end = min(begin + context, len(ids) - 1)
        yield ids[begin:end].unsqueeze(0), ids[begin + 1 : end + 1].unsqueeze(0)
