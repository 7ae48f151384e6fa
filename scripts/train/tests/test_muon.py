"""Muon against its definition."""

import torch

from parley_train.muon import Muon, orthogonalized


def test_singular_vectors_stay_and_singular_values_come_near_one():
    torch.manual_seed(1)
    for shape in ((8, 8), (24, 8), (8, 24), (3, 16, 16)):
        u, _, v = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
        spread = torch.linspace(1, 0.1, u.shape[-1], dtype=torch.float64)
        result = orthogonalized(u * spread @ v)
        # In the basis of the singular vectors it is diagonal, up to rounding.
        inside = u.mT @ result @ v.mT
        values = inside.diagonal(dim1=-2, dim2=-1)
        assert (inside - torch.diag_embed(values)).abs().max() < 1e-10
        # The iteration's image of [0.03, 1] after five steps, from Jordan's description: 0.68 to 1.13.
        assert values.min() > 0.65 and values.max() < 1.25


def test_two_steps_follow_the_formula():
    torch.manual_seed(2)
    weight = torch.nn.Parameter(torch.randn(12, 4, dtype=torch.float64))
    expected, buffer = weight.detach().clone(), torch.zeros(12, 4, dtype=torch.float64)
    muon = Muon([{"params": [weight], "stacked": 3}], rate=0.1, momentum=0.9, decay=0.5)
    for _ in range(2):
        weight.grad = torch.randn(12, 4, dtype=torch.float64)
        buffer = 0.9 * buffer + weight.grad
        update = weight.grad + 0.9 * buffer
        # Q, K and V by themselves; each is square, so its scale is 1.
        parts = torch.cat([orthogonalized(part) for part in update.chunk(3)])
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * parts
        muon.step()
    torch.testing.assert_close(weight.detach(), expected, rtol=1e-12, atol=1e-12)


def test_tall_matrices_move_by_the_root_of_their_shape():
    weight = torch.nn.Parameter(torch.zeros(16, 4, dtype=torch.float64))
    weight.grad = torch.eye(16, 4, dtype=torch.float64)
    Muon([weight], rate=1.0, momentum=0.0, decay=0.0).step()
    torch.testing.assert_close(
        weight.detach(), -2 * orthogonalized(torch.eye(16, 4, dtype=torch.float64)), rtol=1e-12, atol=1e-12
    )
