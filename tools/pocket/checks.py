"""What the cards report: scores, parity with llama.cpp, the gain of LoRA, the cost of quantization.

Every function returns plain rows (lists and dicts of numbers) that make.py keeps in results.json.
"""

import subprocess
import time

import torch
import torch.nn.functional as F

import engine
import lora
import suites
from evaluate import prompt_ids, reply_logits
from export import round_to_f16, write_adapter
from families import FAMILIES
from model import forward, initialise, to_bf16
from pretrain import loss_of
from tokenizer import END_ID

PARITY_PER_FAMILY = 100
QUANTIZATIONS = (("Q8_0", ()), ("Q4_K_M", ()), ("Q4_0", ()), ("Q2_K", ()), ("Q2_K pure", ("--pure",)))
LORA_FAMILIES = ("command", "extract", "arith")


def kernels_agree(shape):
    """The least cosine between gradients of the fused bf16 kernels and of plain float32 PyTorch,
    over all weights of a random model, and the two losses."""
    weights = initialise(shape, seed=1)
    for w in weights.values():
        w.requires_grad_()
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, shape.vocab, (3, 40), generator=generator)
    targets = torch.randint(0, shape.vocab, (tokens.numel(),), generator=generator)
    logits = forward(shape, weights, tokens) @ weights["token_embd.weight"].T
    plain = F.cross_entropy(logits.flatten(0, 1), targets)
    plain.backward()
    expected = {n: w.grad for n, w in weights.items()}
    for w in weights.values():
        w.grad = None
    fused = loss_of(shape, to_bf16(weights), (tokens, torch.arange(tokens.numel()), targets, None))
    fused.backward()
    cosine = min(F.cosine_similarity(w.grad.flatten(), expected[n].flatten(), 0).item() for n, w in weights.items())
    return {"cosine": cosine, "plain": plain.item(), "fused": fused.item()}


def _tally(items, marks, losses):
    """Counts of one family: right and all, by category too, and the mean answer loss."""
    row = {"right": sum(marks), "n": len(marks), "nll": round(sum(losses) / len(losses), 4)}
    for category in ("seen", "shifted"):
        part = [m for item, m in zip(items, marks) if item["category"] == category]
        row[category] = [sum(part), len(part)]
    return row


def scores(runner, path, tasks, tokenizer, adapter=None, only=FAMILIES):
    """{family: tally} on the test suites, by llama.cpp."""
    out = {}
    for family in only:
        items = suites.read(tasks, family)
        marks, losses = engine.score(runner, path, items, tokenizer, adapter)
        out[family] = _tally(items, marks, losses)
    return out


def parity(runner, path, model, weights, tasks, tokenizer):
    """llama.cpp's greedy answers against PyTorch, in float32 on the same F16 weights.

    PyTorch reads prompt and answer once: the two would write the same answer if, and only if,
    PyTorch's best token agrees at every step of it.
    """
    reference = round_to_f16(weights)
    row = {"prompts": 0, "same_tokens": 0, "same_answers": 0, "parted": []}
    for family in FAMILIES:
        items = suites.read(tasks, family)[:PARITY_PER_FAMILY]
        longest = suites.MAX_TOKENS[family]
        theirs = engine.run(runner, path, [(longest, engine.item_prompt(item), "") for item in items])
        pairs = []
        for item, result in zip(items, theirs):
            ended = [END_ID] if len(result.answer) < longest else []
            pairs.append((prompt_ids(item, tokenizer), result.answer + ended))
            row["same_tokens"] += pairs[-1][0] == result.prompt
        row["prompts"] += len(items)
        for i, logits in reply_logits(model.shape, reference, pairs):
            if not logits.isfinite().all():  # a model of NaN would agree with itself
                raise SystemExit(f"{path.name}: logits are not finite")
            wrong = (logits.argmax(-1) != torch.tensor(pairs[i][1])).nonzero()
            if len(wrong) == 0:
                row["same_answers"] += 1
                continue
            # How far apart the rival tokens lie in each engine: a tie, if it is tiny.
            at = wrong[0].item()
            ours = (logits[at].max() - logits[at, pairs[i][1][at]]).item()
            row["parted"].append([items[i]["id"], round(ours, 5), theirs[i].gaps[at]])
    return row


def lora_gain(runner, path, model, weights, base, tasks, tokenizer, work):
    """{family: tally before and after training on its split}, the adapter applied by llama.cpp."""
    out = {}
    reference = round_to_f16(weights)
    for family in LORA_FAMILIES:
        began = time.monotonic()
        adapter = lora.train(model.shape, reference, suites.read(tasks, family, ".train"), tokenizer)
        seconds = round(time.monotonic() - began)
        file = work / f"{model.name}-{family}.lora.gguf"
        write_adapter(file, model, adapter, lora.ALPHA)
        after = scores(runner, path, tasks, tokenizer, file, (family,))[family]
        out[family] = {"before": base[family], "after": after, "seconds": seconds}
    return out


def quantization(runner, quantizer, path, base, tasks, tokenizer, work):
    """{type: {"bytes": …, "scores": {family: tally}}} for every quantization, and for F16."""
    out = {"F16": {"bytes": path.stat().st_size, "scores": base}}
    for label, flags in QUANTIZATIONS:
        file = work / f"{path.stem}-{label.replace(' ', '-')}.gguf"
        subprocess.run([str(quantizer), *flags, str(path), str(file), label.split()[0], "1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out[label] = {"bytes": file.stat().st_size, "scores": scores(runner, file, tasks, tokenizer)}
    return out
