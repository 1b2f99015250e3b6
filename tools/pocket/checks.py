"""What the cards report: scores, parity with llama.cpp, the gain of LoRA, the cost of quantization.

Every function returns plain rows (lists and dicts of numbers) that make.py keeps in results.json.
"""

import random
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

import corpus
import engine
import lora
import suites
from evaluate import prompt_ids, reply_logits
from export import round_to_f16, write_adapter
from families import FAMILIES
from model import forward, initialise, to_bf16
from pretrain import loss_of
from tokenizer import END, END_ID

PARITY_PER_FAMILY = 50
QUANTIZATIONS = (("Q4_K_M", ()), ("Q4_0", ()), ("Q2_K", ()), ("Q2_K pure", ("--pure",)))
QUANT_PER_FAMILY = 150
CONVERSATIONS, CONVERSATION_TOKENS, CONVERSATION_SEED = 50, (500, 900), 88002
LORA_FAMILIES = ("command", "extract")


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
    """One family: right and all, the same in each category, and the mean answer loss of the seen
    form. The loss of shifted items is no measure: a model that has never met a form is wrong with
    confidence, and any noise that makes it less sure looks like a gain."""
    row = {"right": sum(marks), "n": len(marks)}
    for category in ("seen", "shifted"):
        part = [mark for item, mark in zip(items, marks) if item["category"] == category]
        row[category] = [sum(part), len(part)]
    seen = [loss for item, loss in zip(items, losses) if item["category"] == "seen"]
    return row | {"loss": round(sum(seen) / len(seen), 4)}


def scores(runner, path, tasks, tokenizer, adapter=None, only=FAMILIES, first=None):
    """{family: tally} on the test suites (on the first so many items of each), by llama.cpp."""
    out = {}
    for family in only:
        items = suites.read(tasks, family)[:first]
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


def conversations(runner, path, tokenizer):
    """How many last replies of long conversations are right: a new subject every turn, and often a
    question about the first."""
    rng = random.Random(CONVERSATION_SEED)
    requests = []
    while len(requests) < CONVERSATIONS:
        *before, reply, _ = [text for text, _ in corpus.talk(rng)]
        prompt = "".join(before)
        if CONVERSATION_TOKENS[0] <= len(tokenizer.encode(prompt)) <= CONVERSATION_TOKENS[1]:
            requests.append((64, prompt, reply))
    results = engine.run(runner, path, requests)
    right = sum(tokenizer.decode(r.answer) + END == reply for r, (_, _, reply) in zip(results, requests))
    return {"right": right, "n": CONVERSATIONS, "tokens": CONVERSATION_TOKENS}


def lora_gain(runner, path, model, weights, tasks, tokenizer, work):
    """{family: tally after training on its split, and seconds}, the adapter applied by llama.cpp."""
    out = {}
    reference = round_to_f16(weights)
    for family in LORA_FAMILIES:
        began = time.monotonic()
        adapter = lora.train(model.shape, reference, suites.read(tasks, family, ".train"), tokenizer)
        seconds = round(time.monotonic() - began)
        file = work / f"{model.name}-{family}.lora.gguf"
        write_adapter(file, model, adapter, lora.ALPHA)
        after = scores(runner, path, tasks, tokenizer, file, (family,))[family]
        out[family] = {"after": after, "seconds": seconds}
    return out


def paired_loss(runner, path, tasks, work):
    """{type: [mean, half]}: what a quantization adds to the answer loss of the same item, over all
    items of the seen form, with the half width of its 95 % interval."""
    requests = []
    for item in (row for family in FAMILIES for row in suites.read(tasks, family) if row["category"] == "seen"):
        answer = item["choices"][item["answer"]] if "choices" in item else item["answer"]
        requests.append((0, engine.item_prompt(item), answer + END))
    base = [result.nll for result in engine.run(runner, path, requests)]
    out = {}
    for label, _ in QUANTIZATIONS:
        results = engine.run(runner, _quantized(work, path, label), requests)
        added = [result.nll - loss for result, loss in zip(results, base)]
        half = 1.96 * statistics.stdev(added) / len(added) ** 0.5
        out[label] = [round(statistics.mean(added), 4), round(half, 4)]
    return out


def _quantized(work, path, label):
    return work / f"{path.stem}-{label.replace(' ', '-')}.gguf"


def quantization(runner, quantizer, path, tasks, tokenizer, work):
    """{type: {"bytes": …, "scores": {family: tally}}} for every quantization, and for F16."""
    out = {}
    for label, flags in (("F16", ()), *QUANTIZATIONS):
        file = _quantized(work, path, label)
        subprocess.run([str(quantizer), *flags, str(path), str(file), label.split()[0], "1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out[label] = {"bytes": file.stat().st_size,
                      "scores": scores(runner, file, tasks, tokenizer, first=QUANT_PER_FAMILY)}
    return out
