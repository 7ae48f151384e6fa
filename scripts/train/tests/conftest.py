"""Every test computes on one thread: its matrices are too small for more, and sums keep their order."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)
