"""GPT-2 (Radford et al. 2019) in PyTorch: the forward pass and its first weights. Parameters have Hugging Face's names.

Matrices are stored [outputs, inputs]; `checkpoint.py` transposes them for GPT2LMHeadModel, which has them the other way
round.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .loss import mean_cross_entropy


@dataclass(frozen=True)
class Config:
    vocabulary: int
    width: int
    layers: int
    heads: int
    context: int
    norm_epsilon: float = 1e-5


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V over the tokens up to each one's own, a head at a time."""

    def __init__(self, config: Config):
        super().__init__()
        self.heads = config.heads
        self.c_attn = nn.Linear(config.width, 3 * config.width)
        self.c_proj = nn.Linear(config.width, config.width)

    def forward(self, x):  # [windows, tokens, width], as its result
        windows, tokens, width = x.shape
        # [windows, tokens, 3, heads, width / heads] -> three of [windows, heads, tokens, width / heads]
        q, k, v = self.c_attn(x).view(windows, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(windows, tokens, width))


class Mlp(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.c_fc = nn.Linear(config.width, 4 * config.width)
        self.c_proj = nn.Linear(4 * config.width, config.width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, config.norm_epsilon)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width, config.norm_epsilon)
        self.mlp = Mlp(config)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt2(nn.Module):
    """The head is the embedding's transpose (tied)."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocabulary, config.width)
        self.wpe = nn.Embedding(config.context, config.width)
        self.h = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(config.width, config.norm_epsilon)

    def initialize(self, seed: int) -> None:
        """GPT-2's: normal with deviation 0.02, the two matrices that write to the residual 1 / sqrt(2 layers) of it.

        Biases zero.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                scale = 1 / math.sqrt(2 * self.config.layers) if name.endswith("c_proj.weight") else 1
                with torch.no_grad():
                    parameter.normal_(0, 0.02 * scale, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def hidden(self, ids):
        """ids [windows, tokens] -> what the head reads, [windows, tokens, width]."""
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x)

    def logits(self, ids):
        return F.linear(self.hidden(ids), self.wte.weight)

    def forward(self, ids, targets):
        """The mean loss in nats a token, of predicting targets [windows, tokens] from ids."""
        return mean_cross_entropy(self.hidden(ids).flatten(0, 1), self.wte.weight, targets.flatten())
