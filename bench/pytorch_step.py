#!/usr/bin/python3
"""pytorch_step.py DTYPE [--rounds N] [--tokens T]: one LoRA step of SmolLM2-135M's shape in PyTorch, timed.

The peer of bench/train: eager PyTorch as Debian ships it, written the fast way (fused q/k/v views are not used by the
real model either; the frozen weights need no gradient; attention by two batched products). Rank 16 on all linear layers,
512 tokens, all learned, AdamW on the adapter. Prints one JSON object a round: seconds of the step, and peak memory.
DTYPE: bf16 or f32; adapters stay f32."""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F

WIDTH, LAYERS, FFN, HEADS, KV_HEADS, HEAD, VOCABULARY, RANK, ALPHA = 576, 30, 1536, 9, 3, 64, 49152, 16, 32


class Layer(torch.nn.Module):
    def __init__(self, inputs, outputs, dtype):
        super().__init__()
        self.weight = torch.nn.Parameter((torch.randn(outputs, inputs) * inputs**-0.5).to(dtype), requires_grad=False)
        self.a = torch.nn.Parameter(torch.randn(RANK, inputs) * inputs**-0.5)
        self.b = torch.nn.Parameter(torch.zeros(outputs, RANK))

    def forward(self, x):
        low = F.linear(F.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype))
        return F.linear(x, self.weight) + ALPHA / RANK * low


def norm(x, weight):
    y = x.float()
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * weight


class Block(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        make = lambda inputs, outputs: Layer(inputs, outputs, dtype)
        self.q, self.k, self.v = make(WIDTH, HEADS * HEAD), make(WIDTH, KV_HEADS * HEAD), make(WIDTH, KV_HEADS * HEAD)
        self.o = make(HEADS * HEAD, WIDTH)
        self.gate, self.up, self.down = make(WIDTH, FFN), make(WIDTH, FFN), make(FFN, WIDTH)
        self.norms = torch.nn.Parameter(torch.ones(2, WIDTH, dtype=dtype), requires_grad=False)

    def forward(self, x, cos, sin, mask):
        t = x.shape[0]
        h = norm(x, self.norms[0])
        rotate = lambda z: torch.cat((z[..., :HEAD // 2] * cos - z[..., HEAD // 2:] * sin,
                                      z[..., :HEAD // 2] * sin + z[..., HEAD // 2:] * cos), -1)
        q = rotate(self.q(h).view(t, HEADS, HEAD).transpose(0, 1))
        k = rotate(self.k(h).view(t, KV_HEADS, HEAD).transpose(0, 1)).repeat_interleave(HEADS // KV_HEADS, 0)
        v = self.v(h).view(t, KV_HEADS, HEAD).transpose(0, 1).repeat_interleave(HEADS // KV_HEADS, 0)
        p = (q @ k.transpose(1, 2) * HEAD**-0.5 + mask).softmax(-1)
        x = x + self.o((p @ v).transpose(0, 1).reshape(t, HEADS * HEAD))
        h = norm(x, self.norms[1])
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dtype", choices=("bf16", "f32"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    dtype = torch.bfloat16 if arguments.dtype == "bf16" else torch.float32
    t = arguments.tokens
    blocks = torch.nn.ModuleList(Block(dtype) for _ in range(LAYERS))
    embedding = (torch.randn(VOCABULARY, WIDTH) * 0.02).to(dtype)
    last = torch.ones(WIDTH, dtype=dtype)
    angle = torch.outer(torch.arange(t), 10000.0 ** (-torch.arange(0, HEAD, 2) / HEAD))
    cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
    mask = torch.full((t, t), float("-inf"), dtype=dtype).triu(1)
    tokens = torch.randint(0, VOCABULARY, (t,))
    targets = torch.randint(0, VOCABULARY, (t,))
    optimizer = torch.optim.AdamW([p for p in blocks.parameters() if p.requires_grad], lr=1e-4)

    def step():
        x = F.embedding(tokens, embedding)
        for block in blocks:
            x = block(x, cos, sin, mask)
        loss = F.cross_entropy(F.linear(norm(x, last), embedding).float(), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(blocks.parameters(), 1.0)
        optimizer.step()

    step()
    for _ in range(arguments.rounds):
        begin = time.perf_counter()
        step()
        seconds = time.perf_counter() - begin
        print(json.dumps({"step_s": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}),
              flush=True)


main()
