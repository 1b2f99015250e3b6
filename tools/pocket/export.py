"""PyTorch weights to GGUF files: models in F16, LoRA adapters in F32."""

import gguf
from corpus import CHAT_TEMPLATE
from model import NORM_EPS, ROPE_BASE, is_hidden_matrix, parameter_count, tensor_shapes
from tokenizer import BOS, END_ID, SPECIAL

LICENCE = "apache-2.0"
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_MOSTLY_F16 = 1


def size_label(shape):
    return f"{parameter_count(shape) / 1e6:.1f}M"


def file_name(model):
    return f"{model.name}-{model.shape.arch}-{size_label(model.shape)}-F16.gguf"


def round_to_f16(weights):
    """What the exported file holds, as float32: the reference for parity."""
    return {n: w.half().float() if w.ndim == 2 else w.float() for n, w in weights.items()}


def _vocabulary(tokenizer, size):
    pieces = list(tokenizer.pieces)
    types = [_CONTROL] * len(SPECIAL) + [_BYTE] * 256
    types[0] = _UNKNOWN
    types += [_NORMAL] * (len(pieces) - len(types))
    unused = range(len(pieces), size)  # the tables have `size` rows, a round number
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": pieces + [f"<unused{i}>" for i in unused],
        "tokenizer.ggml.scores": [tokenizer.score(i) for i in range(size)],
        "tokenizer.ggml.token_type": types + [_UNUSED] * len(unused),
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": SPECIAL.index(BOS),
        "tokenizer.ggml.eos_token_id": END_ID,
        "tokenizer.ggml.eot_token_id": END_ID,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": False,  # words carry their own space; an answer has none
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def write_model(path, model, weights, tokenizer):
    shape, arch = model.shape, model.shape.arch
    metadata = {
        "general.architecture": arch,
        "general.type": "model",
        "general.name": model.name,
        "general.author": "LocoLLM",
        "general.basename": model.name,
        "general.finetune": "instruct",
        "general.size_label": size_label(shape),
        "general.license": LICENCE,
        "general.description": f"A pocket language model for tests and demonstrations: {model.character}.",
        "general.languages": ["en"],
        "general.file_type": _MOSTLY_F16,
        f"{arch}.context_length": shape.context,
        f"{arch}.embedding_length": shape.d,
        f"{arch}.block_count": shape.layers,
        f"{arch}.feed_forward_length": shape.ff,
        f"{arch}.attention.head_count": shape.heads,
        f"{arch}.attention.head_count_kv": shape.kv_heads,
        f"{arch}.attention.key_length": shape.head_dim,
        f"{arch}.attention.value_length": shape.head_dim,
        f"{arch}.attention.layer_norm_rms_epsilon": NORM_EPS,
        f"{arch}.rope.dimension_count": shape.head_dim,
        f"{arch}.rope.freq_base": ROPE_BASE,
        f"{arch}.vocab_size": shape.vocab,
    } | _vocabulary(tokenizer, shape.vocab)
    tensors = {}
    for name in tensor_shapes(shape):
        # Norms stay float32, as llama.cpp keeps them at every quantization.
        array = weights[name].numpy()
        tensors[name] = array.astype("float16") if array.ndim == 2 else array
    gguf.write(path, metadata, tensors)


def write_adapter(path, model, adapter, alpha):
    """adapter: matrix name -> (a [r, in], b [out, r])."""
    metadata = {
        "general.type": "adapter",
        "general.architecture": model.shape.arch,
        "general.name": f"{model.name} adapter",
        "general.license": LICENCE,
        "adapter.type": "lora",
        "adapter.lora.alpha": float(alpha),
    }
    tensors = {}
    for name, (a, b) in adapter.items():
        assert is_hidden_matrix(name)
        tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"] = a.numpy(), b.numpy()
    gguf.write(path, metadata, tensors)
