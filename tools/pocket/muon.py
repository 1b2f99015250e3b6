"""Muon for the hidden matrices, AdamW for embeddings and norms.

Muon replaces the momentum of a matrix by the nearest orthogonal matrix, found by a Newton-Schulz
iteration (Jordan et al. 2024); scaled by 0.2 sqrt(max(rows, columns)) its steps have the size of
AdamW's (Liu et al. 2025), so that one learning rate schedule serves both. In the feasibility study
it needed about half of AdamW's tokens for the same loss.
"""

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def orthogonalise(m):
    """The nearest orthogonal matrix, roughly; bf16, because only its direction matters."""
    a, b, c = NEWTON_SCHULZ
    x = m.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).float()


class Optimizer:
    """`matrices` go to Muon, `others` to AdamW; both are dicts name -> leaf tensor."""

    def __init__(self, matrices, others, others_scale, momentum=0.95, weight_decay=0.01):
        self.matrices, self.others = matrices, others
        self.others_scale = others_scale  # AdamW's learning rate as a multiple of Muon's
        self.momentum, self.weight_decay = momentum, weight_decay
        self.state = {
            "step": 0,
            "momentum": {n: torch.zeros_like(p) for n, p in matrices.items()},
            "first": {n: torch.zeros_like(p) for n, p in others.items()},
            "second": {n: torch.zeros_like(p) for n, p in others.items()},
        }

    def clip(self, limit=1.0):
        """Scales all gradients so that their joint norm is at most `limit`; returns the norm."""
        grads = [p.grad for p in (self.matrices | self.others).values()]
        norm = torch.stack([g.norm() for g in grads]).norm()
        for g in grads:
            g.mul_(torch.clamp(limit / (norm + 1e-6), max=1.0))
        return norm.item()

    @torch.no_grad()
    def step(self, lr):
        self.state["step"] += 1
        for name, p in self.matrices.items():
            v = self.state["momentum"][name].mul_(self.momentum).add_(p.grad)
            update = orthogonalise(p.grad.add(v, alpha=self.momentum))  # Nesterov
            p.mul_(1 - lr * self.weight_decay)
            p.add_(update, alpha=-lr * 0.2 * max(p.shape) ** 0.5)
            p.grad = None
        t, lr = self.state["step"], lr * self.others_scale
        for name, p in self.others.items():
            first = self.state["first"][name].lerp_(p.grad, 0.1)
            second = self.state["second"][name].lerp_(p.grad.square(), 0.02)
            p.addcdiv_(first / (1 - 0.9**t), (second / (1 - 0.98**t)).sqrt_().add_(1e-8), value=-lr)
            p.grad = None
