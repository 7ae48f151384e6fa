"""The loss in chunks against PyTorch's own, in double precision."""

import torch

from parley_train import loss


def both(rows, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK_ROWS", 7)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(rows, 12, generator=generator).requires_grad_()
    weight = (3 * torch.randn(50, 12, generator=generator)).requires_grad_()
    targets = torch.randint(0, 50, (rows,), generator=generator)
    ours = loss.mean_cross_entropy(hidden, weight, targets)
    gradients = torch.autograd.grad(2.5 * ours, (hidden, weight))
    exact_hidden, exact_weight = (one.detach().double().requires_grad_() for one in (hidden, weight))
    theirs = torch.nn.functional.cross_entropy(exact_hidden @ exact_weight.T, targets)
    exact = torch.autograd.grad(2.5 * theirs, (exact_hidden, exact_weight))
    return (ours, *gradients), (theirs, *exact)


def test_loss_and_gradients_are_those_of_pytorch_for_whole_and_broken_chunks(monkeypatch):
    # f32: logits of some 30 are sums of 12 products, off by at most about 12 * 30 * 2^-24 = 2e-5; a probability is off
    # by as much of itself, and gradients are sums of probabilities times values below 15.
    for rows in (1, 6, 7, 8, 21, 23):
        ours, theirs = both(rows, monkeypatch)
        for mine, exact in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine.double(), exact, rtol=2e-4, atol=2e-4)


def test_the_gradient_of_a_large_logit_is_finite():
    hidden = torch.full((1, 1), 200.0).requires_grad_()
    weight = torch.tensor([[1.0], [-1.0]]).requires_grad_()
    value = loss.mean_cross_entropy(hidden, weight, torch.tensor([1]))
    value.backward()
    # exp(-400) is 0 in f32: loss = 200 - -200, d/dhidden = 1 * 1 - 1 * -1.
    assert value.item() == 400 and hidden.grad.item() == 2


def test_losses_of_rows_are_those_of_pytorch(monkeypatch):
    monkeypatch.setattr(loss, "CHUNK_ROWS", 4)
    hidden, weight, targets = torch.randn(10, 8), torch.randn(20, 8), torch.randint(0, 20, (10,))
    exact = torch.nn.functional.cross_entropy((hidden @ weight.T).double(), targets, reduction="none")
    torch.testing.assert_close(loss.cross_entropies(hidden, weight, targets).double(), exact, rtol=1e-5, atol=1e-5)
