"""LoRA fine-tuning in PyTorch: shows that the pocket models can be trained, and by how much.

The adapter covers all seven matrices of every block: W + alpha / r * B A, B starting at zero. Only
the reply counts in the loss.
"""

import random

import torch

from evaluate import prompt_ids
from model import is_hidden_matrix, to_bf16
from pretrain import loss_of
from tokenizer import END_ID

RANK, ALPHA, LR = 16, 32, 4e-3
EPOCHS, BATCH, SEED = 3, 8, 5


def _example(item, tokenizer):
    answer = item["choices"][item["answer"]] if "choices" in item else item["answer"]
    return prompt_ids(item, tokenizer), tokenizer.encode(answer) + [END_ID]


def _batch(examples):
    t = max(len(p) + len(r) for p, r in examples)
    tokens = torch.zeros(len(examples), t, dtype=torch.long)
    where, targets = [], []
    for row, (prompt, reply) in enumerate(examples):
        tokens[row, :len(prompt) + len(reply)] = torch.tensor(prompt + reply)
        where += [row * t + len(prompt) - 1 + i for i in range(len(reply))]
        targets += reply
    return tokens, torch.tensor(where), torch.tensor(targets), None


def merged(weights, adapter):
    """The weights with the adapter added to its matrices."""
    return weights | {n: weights[n] + ALPHA / RANK * b @ a for n, (a, b) in adapter.items()}


def train(shape, weights, items, tokenizer):
    """An adapter {name: (a [r, in], b [out, r])} trained on suite items."""
    generator = torch.Generator().manual_seed(SEED)
    adapter = {}
    for name, w in weights.items():
        if is_hidden_matrix(name):
            a = torch.randn(RANK, w.shape[1], generator=generator) * w.shape[1] ** -0.5
            adapter[name] = (a.requires_grad_(), torch.zeros(w.shape[0], RANK).requires_grad_())
    leaves = [leaf for pair in adapter.values() for leaf in pair]
    optimizer = torch.optim.AdamW(leaves, lr=LR, weight_decay=0.0)
    examples = [_example(item, tokenizer) for item in items]
    rng, steps = random.Random(SEED), EPOCHS * (len(examples) // BATCH)
    for step in range(steps):
        if step % (len(examples) // BATCH) == 0:
            rng.shuffle(examples)
        start = step % (len(examples) // BATCH) * BATCH
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1, (step + 1) / 20) * (1 - step / steps)
        loss = loss_of(shape, to_bf16(merged(weights, adapter)), _batch(examples[start:start + BATCH]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(leaves, 1.0)
        optimizer.step()
    return {name: (a.detach(), b.detach()) for name, (a, b) in adapter.items()}
