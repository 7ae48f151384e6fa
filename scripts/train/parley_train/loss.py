"""Cross-entropy over a large vocabulary without its logits ever standing in memory at once.

The logits of all tokens of a step are by far its largest tensor (8,192 tokens x 8,192 ids: 256 MiB, written and read
several times by log-softmax and its gradient). Here a few rows are computed at a time, and their gradient at once while
they are in cache:

    loss = mean over rows of logsumexp(z) - z[target]      z = h W^T
    dloss/dz = (softmax(z) - onehot(target)) / rows
"""

import torch

CHUNK_ROWS = 512  # 16 MiB of logits for 8,192 ids


class _MeanCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context, hidden, weight, targets):
        rows = hidden.shape[0]
        hidden_gradient, weight_gradient = torch.empty_like(hidden), torch.zeros_like(weight, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for begin in range(0, rows, CHUNK_ROWS):
            part = slice(begin, begin + CHUNK_ROWS)
            h, wanted = hidden[part], targets[part].unsqueeze(1)
            z = (h @ weight.T).float()  # [chunk, ids]
            z -= z.amax(1, keepdim=True)
            total -= z.gather(1, wanted).sum()
            z.exp_()
            sums = z.sum(1, keepdim=True)
            total += sums.log().sum()
            z /= sums * rows
            z.scatter_add_(1, wanted, z.new_full(wanted.shape, -1 / rows))
            z = z.to(hidden.dtype)
            torch.mm(z, weight, out=hidden_gradient[part])
            weight_gradient += z.T @ h
        context.save_for_backward(hidden_gradient, weight_gradient.to(weight.dtype))
        return total / rows

    @staticmethod
    def backward(context, gradient):
        hidden_gradient, weight_gradient = context.saved_tensors
        return hidden_gradient * gradient, weight_gradient * gradient, None


def mean_cross_entropy(hidden, weight, targets):
    """Mean loss in nats. hidden [rows, width], weight [ids, width], targets [rows]."""
    device = hidden.device.type
    if torch.is_autocast_enabled(device):  # which does not reach the products that write into given memory
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
    return _MeanCrossEntropy.apply(hidden, weight, targets)


@torch.no_grad()
def cross_entropies(hidden, weight, targets):
    """Each row's loss in nats, [rows] in f32, without gradients."""
    chunks = zip(hidden.split(CHUNK_ROWS), targets.split(CHUNK_ROWS), strict=True)
    return torch.cat(
        [torch.nn.functional.cross_entropy((h @ weight.T).float(), t, reduction="none") for h, t in chunks]
    )
