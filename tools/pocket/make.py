#!/usr/bin/python3
"""Makes the pocket models and their task suites. README.md has the steps, times and needs.

    python3 tools/pocket/make.py all --llama SOURCE BUILD
    python3 tools/pocket/make.py pretrain pocket-m
    python3 tools/pocket/make.py parity pocket-m --llama SOURCE BUILD
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

# Before torch is imported: its BLAS would start one thread per core in each training process.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import torch  # noqa: E402

import cards  # noqa: E402
import checks  # noqa: E402
import corpus  # noqa: E402
import engine  # noqa: E402
import export  # noqa: E402
import families  # noqa: E402
import pretrain  # noqa: E402
import suites  # noqa: E402
import tokenizer as tok  # noqa: E402
from models import LANES, MODELS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TASKS, OUT = ROOT / "tasks" / "pocket", ROOT / "models" / "pocket"
VOCAB = 2048
TOKENIZER_DOCUMENTS = 4000  # of each pool


class Work:
    """The folder of everything that is made but not kept in the tree, and what lies in it."""

    def __init__(self, args):
        self.folder, self.llama = args.work, args.llama
        self.names = args.names or list(MODELS)
        self.folder.mkdir(parents=True, exist_ok=True)

    def tokenizer(self):
        return tok.Tokenizer.load(self.folder / "tokenizer.json")

    def weights(self, name):
        return torch.load(self.folder / f"{name}.pt")

    def runner(self):
        return engine.build_runner(self.llama, self.folder)

    def results(self):
        path = self.folder / "results.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def record(self, name, step, value):
        results = self.results()
        results.setdefault(name, {})[step] = value
        (self.folder / "results.json").write_text(json.dumps(results, indent=1))


def make_tokenizer(work):
    texts = []
    for pool in corpus.POOL_SIZES:
        count = TOKENIZER_DOCUMENTS // (10 if pool == "talk" else 1)
        texts += ["".join(text for text, _ in d) for d in corpus.documents(pool, count)]
    pieces = tok.train(texts, corpus.NOUNS, VOCAB)
    tok.Tokenizer(pieces).save(work.folder / "tokenizer.json")
    print(f"tokenizer: {len(pieces)} pieces from {len(texts)} documents")


def make_corpus(work):
    counts = corpus.build(work.tokenizer(), work.folder)
    print("corpus:", ", ".join(f"{pool} {n / 1e6:.1f}M" for pool, n in counts.items()), "tokens")


def make_suites(work):
    suites.write(TASKS)
    suites.check_lengths(TASKS, work.tokenizer())
    suites.check_disjoint(TASKS)


def make_kernel_check(work):
    for name in work.names:
        row = checks.kernels_agree(MODELS[name].shape)
        print(f"{name}: loss {row['plain']:.4f} plain, {row['fused']:.4f} fused; least cosine {row['cosine']:.5f}")
        if row["cosine"] < 0.999 or abs(row["plain"] - row["fused"]) > 0.02:
            raise SystemExit("the fused kernels disagree with PyTorch")


def make_pretrain(work):
    probes = []
    for family in families.FAMILIES:
        seen = [row for row in suites.read(TASKS, family) if row["category"] == "seen"]
        probes += seen[:pretrain.PROBE_PER_FAMILY]
    for name in work.names:
        if (work.folder / f"{name}.pt").exists():
            print(f"{name}: trained; delete {work.folder / name}.pt to train it again")
            continue
        pretrain.run(MODELS[name], work.tokenizer(), work.folder, probes)


def make_export(work):
    OUT.mkdir(parents=True, exist_ok=True)
    for name in work.names:
        path = OUT / export.file_name(MODELS[name])
        export.write_model(path, MODELS[name], work.weights(name), work.tokenizer())
        print(f"{path.name}: {path.stat().st_size} bytes")


def _check(work, step, function):
    """Runs one check on every model and keeps its rows under `step`."""
    for name in work.names:
        work.record(name, step, function(MODELS[name], OUT / export.file_name(MODELS[name])))


def make_score(work):
    runner, tokenizer = work.runner(), work.tokenizer()
    _check(work, "scores", lambda model, path: checks.scores(runner, path, TASKS, tokenizer))


def make_parity(work):
    runner, tokenizer = work.runner(), work.tokenizer()

    def compare(model, path):
        row = checks.parity(runner, path, model, work.weights(model.name), TASKS, tokenizer)
        print(model.name, row)
        return row

    _check(work, "parity", compare)


def make_talk(work):
    runner, tokenizer = work.runner(), work.tokenizer()
    _check(work, "talk", lambda model, path: checks.conversations(runner, path, tokenizer))


def make_lora(work):
    runner, tokenizer = work.runner(), work.tokenizer()
    _check(work, "lora", lambda model, path: checks.lora_gain(
        runner, path, model, work.weights(model.name), TASKS, tokenizer, work.folder))


def make_quant(work):
    runner, tokenizer = work.runner(), work.tokenizer()
    quantizer = engine.find(work.llama, "llama-quantize")
    _check(work, "quant", lambda model, path: checks.quantization(
        runner, quantizer, path, TASKS, tokenizer, work.folder))
    _check(work, "paired", lambda model, path: checks.paired_loss(runner, path, TASKS, work.folder))


def make_cards(work):
    for name in MODELS:
        last = (work.folder / f"{name}.log.jsonl").read_text().splitlines()[-1]
        work.record(name, "training", json.loads(last))
    cards.write(OUT, work.results())


STEPS = {"tokenizer": make_tokenizer, "corpus": make_corpus, "suites": make_suites, "kernel-check": make_kernel_check,
         "pretrain": make_pretrain, "export": make_export, "score": make_score, "parity": make_parity,
         "talk-check": make_talk, "lora-check": make_lora, "quant-check": make_quant, "cards": make_cards}


def make_all(work):
    """Every step in order; pre-training runs in as many processes as there are lanes."""
    for step, function in STEPS.items():
        print(f"== {step}", flush=True)
        if step != "pretrain":
            function(work)
            continue
        command = [sys.executable, __file__, "--work", str(work.folder), "pretrain"]
        if any([process.wait() for process in [subprocess.Popen(command + list(lane)) for lane in LANES]]):
            raise SystemExit("pre-training failed; the same command continues it")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("all", *STEPS))
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all when omitted")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "pocket", help="default: build/pocket")
    parser.add_argument("--llama", type=Path, nargs="+", metavar="DIR",
                        help="where llama.cpp's headers, libraries and llama-quantize are")
    args = parser.parse_args()
    if unknown := set(args.names) - set(MODELS):
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    if args.step in ("all", "score", "parity", "lora-check", "quant-check") and not args.llama:
        parser.error(f"{args.step} needs --llama")
    torch.set_num_threads(1)
    (STEPS | {"all": make_all})[args.step](Work(args))


if __name__ == "__main__":
    sys.exit(main())
