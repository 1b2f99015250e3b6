"""Compiles kernels.c once per machine and wraps it as autograd functions on bf16 tensors."""

import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

import torch

_SOURCE = Path(__file__).with_name("kernels.c")
_FLAGS = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-shared", "-fPIC"]


def _load():
    """The shared library for this source, these flags and this processor, built when missing."""
    cpu = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].encode()
    model = b"".join(line for line in cpu.splitlines() if line.startswith((b"model name", b"flags")))
    key = hashlib.sha256(_SOURCE.read_bytes() + repr(_FLAGS).encode() + model).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "locollm-pocket"
    library = cache / f"kernels-{key}.so"
    if not library.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = library.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", *_FLAGS, str(_SOURCE), "-o", str(fresh), "-lm"], check=True)
        fresh.rename(library)  # atomic: two training runs may start at the same moment
    return ctypes.CDLL(str(library))


_c = _load()


def _call(function, *args):
    """Calls a kernel: tensors become pointers, int long, float float, bool int."""
    converted = []
    for arg in args:
        if isinstance(arg, torch.Tensor):
            assert arg.is_contiguous(), function
            converted.append(ctypes.c_void_p(arg.data_ptr()))
        elif isinstance(arg, bool):
            converted.append(ctypes.c_int(arg))
        elif isinstance(arg, int):
            converted.append(ctypes.c_long(arg))
        else:
            converted.append(ctypes.c_float(arg))
    getattr(_c, function)(*converted)


class RmsNorm(torch.autograd.Function):
    """x / rms(x) * w over the last axis; x bf16, w float."""

    @staticmethod
    def forward(ctx, x, w, eps):
        x = x.contiguous()
        d = x.shape[-1]
        y = torch.empty_like(x)
        inv = torch.empty(x.numel() // d)
        _call("rms_forward", x, w, y, inv, x.numel() // d, d, eps)
        ctx.save_for_backward(x, w, inv)
        return y

    @staticmethod
    def backward(ctx, grad):
        x, w, inv = ctx.saved_tensors
        d = x.shape[-1]
        dx, dw = torch.empty_like(x), torch.zeros_like(w)
        _call("rms_backward", grad.contiguous(), x, w, inv, dx, dw, x.numel() // d, d)
        return dx, dw, None


class Gate(torch.autograd.Function):
    """act(g) * u; `act` is "silu" or "gelu"."""

    @staticmethod
    def forward(ctx, g, u, act):
        y = torch.empty_like(g)
        _call(f"{act}_gate_forward", g, u, y, g.numel())
        ctx.act = act
        ctx.save_for_backward(g, u)
        return y

    @staticmethod
    def backward(ctx, grad):
        g, u = ctx.saved_tensors
        dg, du = torch.empty_like(g), torch.empty_like(u)
        _call(f"{ctx.act}_gate_backward", grad.contiguous(), g, u, dg, du, g.numel())
        return dg, du, None


class Rope(torch.autograd.Function):
    """[batch, t, heads, dim] -> rotated [batch, heads, t, dim]; cos, sin: float [t, dim/2]."""

    @staticmethod
    def forward(ctx, x, cos, sin, interleaved):
        x = x.contiguous()
        batch, t, heads, dim = x.shape
        y = x.new_empty(batch, heads, t, dim)
        _call("rope_forward", x, y, cos, sin, batch, t, heads, dim, interleaved)
        ctx.interleaved = interleaved
        ctx.save_for_backward(cos, sin)
        return y

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.saved_tensors
        batch, heads, t, dim = grad.shape
        dx = grad.new_empty(batch, t, heads, dim)
        _call("rope_backward", grad.contiguous(), dx, cos, sin, batch, t, heads, dim, ctx.interleaved)
        return dx, None, None, None


class CausalSoftmax(torch.autograd.Function):
    """softmax(scale * scores) over the past; scores [..., t, t] are overwritten."""

    @staticmethod
    def forward(ctx, scores, scale):
        t = scores.shape[-1]
        assert t <= 4096, "causal_softmax_forward keeps one row on its stack"
        _call("causal_softmax_forward", scores, scores.numel() // (t * t), t, scale)
        ctx.mark_dirty(scores)
        ctx.scale = scale
        ctx.save_for_backward(scores)
        return scores

    @staticmethod
    def backward(ctx, grad):
        (p,) = ctx.saved_tensors
        grad = grad.contiguous()
        t = p.shape[-1]
        _call("causal_softmax_backward", p, grad, p.numel() // (t * t), t, ctx.scale)
        return grad, None


class CrossEntropy(torch.autograd.Function):
    """Weighted mean of -log softmax(logits)[target]; logits [rows, vocab] are overwritten.

    Returns (sum of weight * nll / sum of weight, nll per row); only the first has a gradient.
    """

    @staticmethod
    def forward(ctx, logits, target, weight):
        nll = torch.empty(len(target))
        share = weight / weight.sum()
        _call("cross_entropy", logits, target, share, nll, *logits.shape)
        ctx.save_for_backward(logits)
        ctx.mark_non_differentiable(nll)
        return (nll * share).sum(), nll

    @staticmethod
    def backward(ctx, grad, _):
        (dlogits,) = ctx.saved_tensors
        return dlogits * grad, None, None
