"""The pocket architectures in PyTorch: llama, qwen3 and gemma3, small enough for one CPU core.

A model is a Shape and a dict of weights under their GGUF names, so that export is a plain copy:

    shape = Shape(arch="qwen3", d=256, layers=3, ff=512, heads=4, kv_heads=2, vocab=2048)
    weights = initialise(shape, seed=1)
    hidden = forward(shape, weights, tokens)              # [batch, t] -> [batch, t, d]
    logits = hidden @ weights["token_embd.weight"].T      # embeddings are tied

One function covers the three architectures, because they differ in few places:

    qwen3, gemma3   RMS norm over each query and key head; rotary pairs (i, i + head_dim/2)
    llama           rotary pairs (2i, 2i+1), the order in which GGUF keeps llama's rows
    gemma3          embedding times sqrt(d), norms after attention and feed-forward, tanh-GELU

float32 weights run plain PyTorch operators: the reference that llama.cpp is compared with.
bfloat16 matrices (see to_bf16) run the fused kernels: ten times faster, for training.

Not here: key-value cache, dropout, sampling. Generation recomputes the prefix; the texts are short.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

import kernels

NORM_EPS = 1e-6
ROPE_BASE = 10000.0


@dataclass(frozen=True)
class Shape:
    """Sizes of one model; `arch` is the GGUF name of the architecture."""

    arch: str
    d: int
    layers: int
    ff: int
    heads: int
    kv_heads: int
    vocab: int = 2048
    head_dim: int = 64
    context: int = 1024

    @property
    def head_norm(self):
        return self.arch in ("qwen3", "gemma3")

    @property
    def post_norm(self):
        return self.arch == "gemma3"

    @property
    def interleaved(self):
        return self.arch == "llama"

    @property
    def act(self):
        return "gelu" if self.arch == "gemma3" else "silu"

    @property
    def embedding_scale(self):
        return math.sqrt(self.d) if self.arch == "gemma3" else 1.0


def tensor_shapes(shape):
    """GGUF name -> PyTorch shape [out, in] of every weight, in file order."""
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes = {"token_embd.weight": (shape.vocab, shape.d)}
    for i in range(shape.layers):
        block = {
            "attn_norm": (shape.d,),
            "attn_q": (q, shape.d),
            "attn_k": (kv, shape.d),
            "attn_v": (kv, shape.d),
            "attn_output": (shape.d, q),
            "ffn_norm": (shape.d,),
            "ffn_gate": (shape.ff, shape.d),
            "ffn_up": (shape.ff, shape.d),
            "ffn_down": (shape.d, shape.ff),
        }
        if shape.head_norm:
            block |= {"attn_q_norm": (shape.head_dim,), "attn_k_norm": (shape.head_dim,)}
        if shape.post_norm:
            block |= {"post_attention_norm": (shape.d,), "post_ffw_norm": (shape.d,)}
        sizes |= {f"blk.{i}.{name}.weight": size for name, size in block.items()}
    return sizes | {"output_norm.weight": (shape.d,)}


def parameter_count(shape):
    return sum(math.prod(size) for size in tensor_shapes(shape).values())


def is_hidden_matrix(name):
    return name.startswith("blk.") and not name.endswith("norm.weight")


def initialise(shape, seed):
    """Weights with standard deviation fan_in^-0.5: with the usual 0.02, models this narrow begin
    to copy words from the prompt tens of times later. Outputs into the residual start smaller."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in tensor_shapes(shape).items():
        if name.endswith("norm.weight"):
            weights[name] = torch.ones(size)
            continue
        std = size[-1] ** -0.5
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            std *= (2 * shape.layers) ** -0.5
        weights[name] = torch.randn(size, generator=generator) * std
    return weights


def to_bf16(weights):
    """Matrices as bf16 views for one step; norms, and the embedding for its lookup, stay float."""
    fast = {name: w.bfloat16() if is_hidden_matrix(name) else w for name, w in weights.items()}
    return fast | {"head": weights["token_embd.weight"].bfloat16()}


def rotation(shape, t):
    """cos and sin of every position and pair, [t, head_dim/2]."""
    pair = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angle = torch.outer(torch.arange(t, dtype=torch.float32), ROPE_BASE**-pair)
    return angle.cos(), angle.sin()


class _Fused:
    """The operators between the matrices, on bf16."""

    @staticmethod
    def norm(x, w):
        return kernels.RmsNorm.apply(x, w, NORM_EPS)

    @staticmethod
    def gate(g, u, act):
        return kernels.Gate.apply(g, u, act)

    @staticmethod
    def rope(x, cos, sin, interleaved):
        return kernels.Rope.apply(x, cos, sin, interleaved)

    @staticmethod
    def softmax(scores, scale):
        return kernels.CausalSoftmax.apply(scores, scale)


class _Plain:
    """The same operators in float32 and without kernels: what the fused ones are checked against."""

    @staticmethod
    def norm(x, w):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPS) * w

    @staticmethod
    def gate(g, u, act):
        return (F.gelu(g, approximate="tanh") if act == "gelu" else F.silu(g)) * u

    @staticmethod
    def rope(x, cos, sin, interleaved):
        x = x.transpose(1, 2)
        if interleaved:
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)

    @staticmethod
    def softmax(scores, scale):
        t = scores.shape[-1]
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        return (scores * scale).masked_fill(future, -math.inf).softmax(-1)


def forward(shape, weights, tokens):
    """Hidden states after the output norm, [batch, t, d], for tokens [batch, t].

    Attention is causal, so padding on the right never changes a real position.
    """
    ops = _Fused if weights["blk.0.attn_q.weight"].dtype == torch.bfloat16 else _Plain
    dtype = weights["blk.0.attn_q.weight"].dtype
    batch, t = tokens.shape
    cos, sin = rotation(shape, t)
    groups = shape.heads // shape.kv_heads

    x = F.embedding(tokens, weights["token_embd.weight"])
    x = (x * shape.embedding_scale).to(dtype)
    for i in range(shape.layers):
        w = {n: weights.get(f"blk.{i}.{n}.weight") for n in (
            "attn_norm", "attn_q", "attn_k", "attn_v", "attn_q_norm", "attn_k_norm", "attn_output",
            "post_attention_norm", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "post_ffw_norm")}

        h = ops.norm(x, w["attn_norm"])
        q = F.linear(h, w["attn_q"]).view(batch, t, shape.heads, shape.head_dim)
        k = F.linear(h, w["attn_k"]).view(batch, t, shape.kv_heads, shape.head_dim)
        v = F.linear(h, w["attn_v"]).view(batch, t, shape.kv_heads, shape.head_dim)
        if shape.head_norm:
            q, k = ops.norm(q, w["attn_q_norm"]), ops.norm(k, w["attn_k_norm"])
        q, k = (ops.rope(a, cos, sin, shape.interleaved) for a in (q, k))
        # Heads that share a key ride along the query axis: no copies of keys and values.
        q = q.reshape(batch, shape.kv_heads, groups * t, shape.head_dim)
        scores = (q @ k.transpose(-1, -2)).view(batch, shape.heads, t, t)
        p = ops.softmax(scores, shape.head_dim**-0.5)
        h = p.view(batch, shape.kv_heads, groups * t, t) @ v.transpose(1, 2)
        h = h.view(batch, shape.heads, t, shape.head_dim).transpose(1, 2).reshape(batch, t, -1)
        h = F.linear(h, w["attn_output"])
        x = x + (ops.norm(h, w["post_attention_norm"]) if shape.post_norm else h)

        h = ops.norm(x, w["ffn_norm"])
        h = ops.gate(F.linear(h, w["ffn_gate"]), F.linear(h, w["ffn_up"]), shape.act)
        h = F.linear(h, w["ffn_down"])
        x = x + (ops.norm(h, w["post_ffw_norm"]) if shape.post_norm else h)
    return ops.norm(x, weights["output_norm.weight"])
