"""Pre-trains one model on one core, with checkpoints; a killed run continues where it stopped.

The loss counts every answer token, and of the other tokens a random sixth: reading a prompt is
learnt with a sixth of the cost of its share of the output layer, the largest matrix of all.
"""

import json
import math
import time

import numpy as np
import torch

import kernels
from evaluate import answer_nll, prompt_ids, score
from model import forward, initialise, is_hidden_matrix, to_bf16
from muon import Optimizer
from tokenizer import END_ID

PROMPT_SHARE = 1 / 6
WARMUP_STEPS = 60
CHUNK_TOKENS = 250_000
EMBEDDING_LR = 1.0  # AdamW's rate as a multiple of Muon's
PROBE_PER_FAMILY = 40


def save_atomically(value, path):
    part = path.with_suffix(".part")
    torch.save(value, part)
    part.rename(path)


class Data:
    """Batches of one model's mix, a function of (seed, chunk number) only."""

    def __init__(self, directory, model):
        self.model = model
        self.pools = {}
        for pool in model.mix:
            with np.load(directory / f"{pool}.npz") as file:
                self.pools[pool] = {key: file[key] for key in ("ids", "flags", "offsets")}
        self.cursor = dict.fromkeys(self.pools, 0)
        rng = np.random.default_rng(model.seed)
        self.order = {p: rng.permutation(len(d["offsets"]) - 1) for p, d in self.pools.items()}

    def chunk(self, number):
        """All batches of one chunk: documents of every pool, batched by length, in random order."""
        rng = np.random.default_rng((self.model.seed, number))
        documents = []
        for pool, share in self.model.mix.items():
            data, order, tokens = self.pools[pool], self.order[pool], 0
            while tokens < share * CHUNK_TOKENS:
                document = order[self.cursor[pool] % len(order)]
                self.cursor[pool] += 1
                low, high = data["offsets"][document], data["offsets"][document + 1]
                documents.append((data["ids"][low:high], data["flags"][low:high]))
                tokens += high - low
        rng.shuffle(documents)
        documents.sort(key=lambda d: len(d[0]) // 4)
        batches, start = [], 0
        while start < len(documents):
            end = start + 1
            while end < len(documents) and (end + 1 - start) * len(documents[end][0]) <= self.model.batch_tokens:
                end += 1
            batches.append(documents[start:end])
            start = end
        return [self._batch(batches[i], rng) for i in rng.permutation(len(batches))]

    @staticmethod
    def _batch(documents, rng):
        """(tokens [n, t], flat positions that count, their targets, tokens without padding)."""
        t = max(len(ids) for ids, _ in documents)
        tokens = np.zeros((len(documents), t), np.int64)
        counts = np.zeros((len(documents), t), bool)
        for row, (ids, flags) in enumerate(documents):
            tokens[row, :len(ids)] = ids
            counts[row, :len(ids) - 1] = flags[1:] | (rng.random(len(ids) - 1) < PROMPT_SHARE)
        where = np.flatnonzero(counts)
        targets = tokens.reshape(-1)[where + 1]
        real = sum(len(ids) for ids, _ in documents)
        return torch.from_numpy(tokens), torch.from_numpy(where), torch.from_numpy(targets), real


def loss_of(shape, fast, batch):
    tokens, where, targets, _ = batch
    hidden = forward(shape, fast, tokens).reshape(-1, shape.d)[where]
    loss, _ = kernels.CrossEntropy.apply(hidden @ fast["head"].T, targets, torch.ones(len(where)))
    return loss


def learning_rate(model, step, done):
    """Linear warm-up, slow decay over the first half of the tokens, linear to zero after."""
    decay = min(1.0 - 0.4 * done, 1.7 * (1.0 - done))
    return model.lr * min(1.0, (step + 1) / WARMUP_STEPS) * max(0.02, decay)


def probe(shape, weights, items, tokenizer):
    """{family: accuracy %} and mean answer loss per item, on held-out items of the seen form."""
    fast = to_bf16(weights)
    marks = score(shape, fast, items, tokenizer)
    accuracy = {}
    for item, mark in zip(items, marks):
        accuracy.setdefault(item["family"], []).append(mark)
    pairs = []
    for item in items:
        answer = item["choices"][item["answer"]] if "choices" in item else item["answer"]
        pairs.append((prompt_ids(item, tokenizer), tokenizer.encode(answer) + [END_ID]))
    nll = answer_nll(shape, fast, pairs)
    return {f: round(100 * sum(m) / len(m), 1) for f, m in accuracy.items()}, sum(nll) / len(nll)


def run(model, tokenizer, work, probe_items):
    """Trains `model` on the pools in `work`; leaves NAME.pt and NAME.log.jsonl there."""
    checkpoint, log_path = work / f"{model.name}.checkpoint.pt", work / f"{model.name}.log.jsonl"
    budget = model.tokens
    data = Data(work, model)
    weights = initialise(model.shape, model.seed)
    for w in weights.values():
        w.requires_grad_()
    optimizer = Optimizer({n: w for n, w in weights.items() if is_hidden_matrix(n)},
                          {n: w for n, w in weights.items() if not is_hidden_matrix(n)}, EMBEDDING_LR)
    progress = {"chunk": 0, "step": 0, "tokens": 0, "seconds": 0.0}
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        for name, w in weights.items():
            w.data.copy_(saved["weights"][name])
        optimizer.state, data.cursor, progress = saved["optimizer"], saved["cursor"], saved["progress"]
    else:
        log_path.write_text("")

    next_probe = progress["tokens"]
    while progress["tokens"] < budget:
        began, losses = time.monotonic(), []
        for batch in data.chunk(progress["chunk"]):
            loss = loss_of(model.shape, to_bf16(weights), batch)
            loss.backward()
            optimizer.clip()
            optimizer.step(learning_rate(model, progress["step"], progress["tokens"] / budget))
            progress["step"] += 1
            progress["tokens"] += batch[3]
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise SystemExit(f"{model.name}: the loss is not finite at step {progress['step']}")
            if progress["tokens"] >= budget:
                break
        progress["chunk"] += 1
        progress["seconds"] += time.monotonic() - began
        line = progress | {"loss": round(sum(losses) / len(losses), 4)}
        save_atomically({"weights": {n: w.detach() for n, w in weights.items()}, "optimizer": optimizer.state,
                         "cursor": data.cursor, "progress": progress}, checkpoint)
        if progress["tokens"] >= min(next_probe, budget):
            line["accuracy"], nll = probe(model.shape, {n: w.detach() for n, w in weights.items()}, probe_items,
                                          tokenizer)
            line["answer_nll"] = round(nll, 4)
            next_probe += budget / 10
        line["seconds"] = round(line["seconds"])
        with log_path.open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(model.name, json.dumps(line), flush=True)
    save_atomically({n: w.detach() for n, w in weights.items()}, work / f"{model.name}.pt")
    checkpoint.unlink()
