"""models/pocket: a card per model, the table of all, and SHA256SUMS, from results.json."""

import hashlib

from checks import QUANT_PER_FAMILY
from corpus import POOL_SIZES, SEED as CORPUS_SEED
from evaluate import wilson
from export import file_name, size_label
from families import FAMILIES
from lora import RANK
from models import MODELS
from suites import SEED as SUITE_SEED, SEEN_SHARE, TEST_ITEMS

PAIRED_ITEMS = round(TEST_ITEMS * SEEN_SHARE) * len(FAMILIES)
_ARCHITECTURES = {"llama": "Llama", "gemma3": "Gemma 3", "qwen3": "Qwen 3"}


def percent(right, n):
    """"41.3 [36.5, 46.2]": percent with its Wilson 95 % interval."""
    low, high = wilson(right, n)
    return f"{100 * right / n:.1f} [{low:.1f}, {high:.1f}]"


def _share(part):
    return f"{100 * part[0] / part[1]:.0f}"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _macro(scores):
    """Mean accuracy, and mean answer loss of the seen form, over the families."""
    accuracy = sum(100 * row["right"] / row["n"] for row in scores.values()) / len(scores)
    return accuracy, sum(row["loss"] for row in scores.values()) / len(scores)


def _parity(row):
    same = f"{row['same_answers']} of {row['prompts']}"
    text = f"Tokens agree on {row['same_tokens']} of {row['prompts']} prompts, greedy answers on {same}"
    if row["parted"]:
        text += f"; where they part, the two tokens' logits lie {_gaps(row)} apart in llama.cpp"
    return text + "."


def _gaps(row):
    return ", ".join(f"{theirs:.4f}" for _, _, theirs in row["parted"]) or "none"


def _lora_rows(result):
    rows = []
    for family, row in result["lora"].items():
        before, after = result["scores"][family], row["after"]
        gain = 100 * (after["right"] / after["n"] - before["right"] / before["n"])
        rows.append((family, percent(before["right"], before["n"]), percent(after["right"], after["n"]),
                     f"{gain:+.1f}", f"{row['seconds']} s"))
    return rows


def _quant_rows(result):
    rows = []
    for label, row in result["quant"].items():
        accuracy, loss = _macro(row["scores"])
        added = "{:+.4f} ± {:.4f}".format(*result["paired"][label]) if label in result["paired"] else ""
        rows.append((label, f"{row['bytes'] / 1e6:.2f}", f"{loss:.3f}", added, f"{accuracy:.1f}",
                     *(f"{100 * s['right'] / s['n']:.1f}" for s in row["scores"].values())))
    return rows


def _card(model, result):
    shape, training, talk = model.shape, result["training"], result["talk"]
    mix = ", ".join(f"{pool} {100 * share:.0f} %" for pool, share in model.mix.items())
    scores = [(family, percent(row["right"], row["n"]), _share(row["seen"]), _share(row["shifted"]), row["loss"])
              for family, row in result["scores"].items()]
    quant_head = ("type", "MB", "answer loss", "added", "mean %", *FAMILIES)
    return f"""# {model.name}

{_ARCHITECTURES[shape.arch]} architecture, {size_label(shape)} parameters, `{file_name(model)}`. A real, if tiny,
language model for tests and demonstrations: {model.character}. Licence: Apache-2.0.

## Model

{_table(("width", "blocks", "feed-forward", "heads", "key heads", "head size", "vocabulary", "context"),
        [(shape.d, shape.layers, shape.ff, shape.heads, shape.kv_heads, shape.head_dim, shape.vocab, shape.context)])}

Tied embeddings; own byte-pair tokenizer with byte fallback and one token for each number from 0 to 99; ChatML
template with a system role. The end of a turn, `<|im_end|>`, is the end-of-text token.

## Training

Pre-trained from scratch on text that a program of this repository writes (`tools/pocket`, seed {CORPUS_SEED});
no text of anybody else. {sum(POOL_SIZES.values()):,} documents in {len(POOL_SIZES)} pools; this model's mix by tokens:
{mix}.

- {training["tokens"]:,} tokens in {training["step"]:,} steps of at most {model.batch_tokens:,} tokens, seed {model.seed}
- Muon (matrices) and AdamW (embeddings, norms), peak rate {model.lr:g}, bf16 products, float32 weights
- {training["seconds"] / 60:.0f} minutes on one core of an AMD EPYC with AVX512-BF16, beside other work; last loss
  {training["loss"]:.3f}

## Scores

Accuracy in percent at F16, with Wilson 95 % intervals, n = {TEST_ITEMS} in each family (`tasks/pocket`, seed {SUITE_SEED}):
40 % of the items have the form of pre-training, 60 % are shifted. Held-out items throughout. `order` is multiple
choice of four, where guessing gives 25. Loss is -log p of the right reply to items of the seen form, nats per item.

{_table(("family", "accuracy", "seen form", "shifted", "loss"), scores)}

**LoRA** (rank {RANK}, all matrices, 1,000 examples, 3 epochs, one core), the same items before and after:

{_table(("family", "before", "after", "gain", "training"), _lora_rows(result))}

**Quantization** by llama.cpp, without an importance matrix: accuracy in percent, mean over the families and each, on
the first {QUANT_PER_FAMILY} items of each suite. Added: loss beyond F16 on the same item, over all {PAIRED_ITEMS} items of the seen form:

{_table(quant_head, _quant_rows(result))}

**Parity** with PyTorch in float32 on the same F16 weights: {_parity(result["parity"])}

## Limits

It knows a few hundred English words and the forms of its training text, and nothing of the world. Outside of them
it copies, or makes things up. It follows a long conversation badly: after {talk["tokens"][0]} to {talk["tokens"][1]} tokens of changing
subjects the last reply is right in {talk["right"]} of {talk["n"]}. No text in training was longer than 1,024 tokens.
Rows of {shape.d} numbers: {"K-quants need 256, so llama.cpp falls back to other types for most tensors." if shape.d % 256
    else "multiples of 256, so that every K-quant applies."}
"""


def _readme(results):
    sizes = [(f"[{name}]({name}.md)", model.shape.arch, size_label(model.shape),
              f"{results[name]['quant']['F16']['bytes'] / 1e6:.1f}", model.character)
             for name, model in MODELS.items()]
    base = [(name, *(percent(results[name]["scores"][f]["right"], results[name]["scores"][f]["n"]) for f in FAMILIES))
            for name in MODELS]
    best = {f: max(MODELS, key=lambda n: results[n]["scores"][f]["right"]) for f in FAMILIES}
    gains = [(name, *row) for name in MODELS for row in _lora_rows(results[name])]
    quants = []
    for name in MODELS:
        for row in _quant_rows(results[name]):
            quants.append((name, *row[:5]))
    parity = [(name, f"{results[name]['parity']['same_tokens']}/{results[name]['parity']['prompts']}",
               f"{results[name]['parity']['same_answers']}/{results[name]['parity']['prompts']}",
               _gaps(results[name]["parity"])) for name in MODELS]
    return f"""# Pocket models

{len(MODELS)} language models of {len({m.shape.arch for m in MODELS.values()})} architectures, trained from scratch by `tools/pocket` on text of our own, so that choosing,
measuring and fine-tuning can be shown and tested anywhere in minutes, offline. They are real GGUF files with a tokenizer
and a chat template, and too small for any use. Licence: Apache-2.0. Check with `sha256sum -c SHA256SUMS`.

{_table(("model", "architecture", "parameters", "MB", "character"), sizes)}

## Base scores

Percent at F16 with Wilson 95 % intervals, {TEST_ITEMS} items a family, 40 % in the form of pre-training and 60 % shifted.
`order` is multiple choice: guessing gives 25.

{_table(("model", *FAMILIES), base)}

Best by family: {", ".join(f"{f} {name}" for f, name in best.items())}.
Differences inside the intervals are ties.

## What LoRA gains

{_table(("model", "family", "before", "after", "gain", "training, one core"), gains)}

## What quantization costs

Answer loss (seen form, nats per item) and accuracy (percent), means over the first {QUANT_PER_FAMILY} items of
each of the six families. Accuracy moves by chance where the loss does not. Added: what the
same item costs more than at F16, over all {PAIRED_ITEMS} items of the seen form, with its 95 % interval.

{_table(("model", "type", "MB", "answer loss", "added", "accuracy"), quants)}

## How these files were trained

In one run of the recipe, `make.py all`, two processes side by side on two cores of an AMD EPYC that did other work as
well: the minutes are upper limits. A new run gives the same text, suites and tokenizer, and the same weights up to the
rounding of another processor's matrix products.

## Parity

Prompts with the same tokens, and the same greedy answer, in llama.cpp and in PyTorch; and how far llama.cpp's two
best logits lie apart where the answers part.

{_table(("model", "tokens", "answers", "gaps"), parity)}
"""


def write(directory, results):
    """Writes every file but the GGUFs, whose hashes it lists."""
    for name, model in MODELS.items():
        (directory / f"{name}.md").write_text(_card(model, results[name]))
    (directory / "README.md").write_text(_readme(results))
    sums = [f"{hashlib.sha256((directory / file_name(m)).read_bytes()).hexdigest()}  {file_name(m)}\n"
            for m in MODELS.values()]
    (directory / "SHA256SUMS").write_text("".join(sums))
