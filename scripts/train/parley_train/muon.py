"""Muon (Jordan et al. 2024) for the matrices inside the blocks: momentum whose update is the nearest orthogonal matrix.

One step, with the rate's scale for matrices that are not square as in Jordan's own code:

    buffer = momentum * buffer + gradient
    weight -= rate * max(1, rows / columns)^0.5 * orthogonal(gradient + momentum * buffer)
"""

import torch


def orthogonalized(matrices, steps: int = 5):
    """About U V^T of each matrix's U S V^T, [..., rows, columns].

    Jordan's quintic Newton-Schulz iteration: its coefficients grow small singular values fastest and leave all of them
    within 0.7 to 1.2 rather than at 1, which trains as well.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For 2-D weights [outputs, inputs].

    One whose name is in `stacked` holds three matrices, one above the other, as Q, K and V are.
    """

    def __init__(self, parameters, rate: float, momentum: float, decay: float):
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "decay": decay, "stacked": 1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["buffer"] = torch.zeros_like(weight)
                buffer = state["buffer"].mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad.add(buffer, alpha=group["momentum"])
                rows, columns = weight.shape[0] // group["stacked"], weight.shape[1]
                update = orthogonalized(update.view(-1, rows, columns)).reshape(weight.shape)
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
