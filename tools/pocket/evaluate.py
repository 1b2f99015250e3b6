"""Greedy answers and reply likelihoods in PyTorch, and the scorers of the suites."""

import math
import re

import torch
import torch.nn.functional as F

from corpus import prompt_text
from model import forward
from suites import MAX_TOKENS, SCORER, SYSTEM
from tokenizer import END_ID


def _padded(sequences):
    """Right-padded [n, t] tensor; causal attention never sees the padding."""
    out = torch.zeros(len(sequences), max(map(len, sequences)), dtype=torch.long)
    for row, ids in zip(out, sequences):
        row[: len(ids)] = torch.tensor(ids)
    return out


def _head(weights):
    return weights.get("head", weights["token_embd.weight"])


@torch.no_grad()
def generate(shape, weights, prompts, max_new, batch=32):
    """Greedy continuations of token lists, up to END (left out) or max_new tokens."""
    answers = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), batch):
        live = order[start:start + batch]
        for _ in range(max_new):
            tokens = _padded([prompts[i] + answers[i] for i in live])
            last = torch.tensor([len(prompts[i]) + len(answers[i]) - 1 for i in live])
            hidden = forward(shape, weights, tokens)[torch.arange(len(live)), last]
            best = F.linear(hidden, _head(weights)).argmax(-1).tolist()
            for i, token in zip(live, best):
                if token != END_ID:
                    answers[i].append(token)
            live = [i for i, token in zip(live, best) if token != END_ID]
            if not live:
                break
    return answers


@torch.no_grad()
def reply_logits(shape, weights, pairs, batch=32):
    """Yields (index, logits [reply, vocab]) at the positions that predict the reply, for each
    (prompt ids, reply ids)."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    for start in range(0, len(order), batch):
        block = order[start:start + batch]
        hidden = forward(shape, weights, _padded([pairs[i][0] + pairs[i][1] for i in block]))
        for row, i in enumerate(block):
            prompt, reply = pairs[i]
            at = hidden[row, len(prompt) - 1:len(prompt) + len(reply) - 1]
            yield i, F.linear(at, _head(weights)).float()


def answer_nll(shape, weights, pairs):
    """Sum of -log p over the reply's tokens, for each (prompt ids, reply ids)."""
    out = [0.0] * len(pairs)
    for i, logits in reply_logits(shape, weights, pairs):
        out[i] = F.cross_entropy(logits, torch.tensor(pairs[i][1]), reduction="sum").item()
    return out


def prompt_ids(item, tokenizer):
    return tokenizer.encode(prompt_text(item["question"], SYSTEM.get(item["family"])))


def correct(item, text):
    """Whether a generated text earns the point: the last number for numeric, else exact after trimming."""
    if SCORER.get(item["family"]) == "numeric":
        numbers = re.findall(r"-?\d+", text)
        return bool(numbers) and int(numbers[-1]) == int(item["answer"])
    return text.strip() == item["answer"]


def score(shape, weights, items, tokenizer):
    """A list of booleans, one per suite item (dicts as in the JSONL, plus "family")."""
    marks = [False] * len(items)
    by_family = {}
    for i, item in enumerate(items):
        by_family.setdefault(item["family"], []).append(i)
    for family, where in by_family.items():
        prompts = [prompt_ids(items[i], tokenizer) for i in where]
        if SCORER.get(family) == "choice":
            pairs = [(p, tokenizer.encode(c)) for p, i in zip(prompts, where) for c in items[i]["choices"]]
            nll = answer_nll(shape, weights, pairs)
            for n, i in enumerate(where):
                four = nll[4 * n:4 * n + 4]
                marks[i] = four.index(min(four)) == items[i]["answer"]
            continue
        answers = generate(shape, weights, prompts, MAX_TOKENS[family])
        for ids, i in zip(answers, where):
            marks[i] = correct(items[i], tokenizer.decode(ids))
    return marks


def wilson(k, n, z=1.959964):
    """95 % interval of k successes in n trials, in percent."""
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)
