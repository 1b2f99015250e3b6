"""llama.cpp at work on the exported files: builds runner.cc and marks suites with it."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from corpus import prompt_text
from evaluate import correct
from suites import MAX_TOKENS, SYSTEM
from tokenizer import END

_SOURCE = Path(__file__).with_name("runner.cc")


def find(places, *names):
    """The first file of these names under the folders `places`."""
    for name in names:
        for place in places:
            for path in sorted(Path(place).rglob(name)):
                if path.is_file():
                    return path
    raise SystemExit(f"none of {', '.join(names)} under {', '.join(map(str, places))}")


def build_runner(places, work):
    """Compiles runner.cc against the llama.cpp found under `places` (sources, build, prefix)."""
    headers = {find(places, "llama.h").parent, find(places, "ggml.h").parent}
    # Static libraries go in this order: each needs symbols of those behind it.
    libraries = [find(places, f"lib{n}.a", f"lib{n}.so") for n in ("llama", "ggml", "ggml-cpu", "ggml-base")]
    key = hashlib.sha256(_SOURCE.read_bytes())
    for library in libraries:
        key.update(f"{library.resolve()} {library.stat().st_mtime_ns}".encode())
    binary = work / f"runner-{key.hexdigest()[:16]}"
    if binary.exists():
        return binary
    fresh = binary.with_suffix(f".{os.getpid()}")
    command = ["g++", "-std=c++17", "-O2", str(_SOURCE), *(f"-I{path}" for path in headers),
               *map(str, libraries), *(f"-Wl,-rpath,{lib.parent}" for lib in libraries if lib.suffix == ".so"),
               "-pthread", "-ldl", "-o", str(fresh)]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run([*command, "-fopenmp"], check=True)  # a ggml built with OpenMP
    fresh.rename(binary)  # atomic: checks of several models may run side by side
    return binary


@dataclass
class Result:
    prompt: list
    answer: list
    gaps: list
    nll: float


def _escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def run(runner, model_path, requests, adapter=None):
    """Result of each (max_new, prompt text, reply text)."""
    lines = "".join(f"{n}\t{_escape(prompt)}\t{_escape(reply)}\n" for n, prompt, reply in requests)
    command = [str(runner), str(model_path)] + ([str(adapter)] if adapter else [])
    out = subprocess.run(command, input=lines, capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    results = []
    for line in out.stdout.splitlines():
        prompt, answer, gaps, nll = line.split("\t")
        results.append(Result([int(v) for v in prompt.split()], [int(v) for v in answer.split()],
                              [float(v) for v in gaps.split()], float(nll)))
    return results


def item_prompt(item):
    return prompt_text(item["question"], SYSTEM.get(item["family"]))


def score(runner, model_path, items, tokenizer, adapter=None):
    """(marks, answer losses): a boolean per item, and -log p per item of the right reply and END."""
    requests, owners = [], []
    for i, item in enumerate(items):
        if "choices" in item:
            requests += [(0, item_prompt(item), choice) for choice in item["choices"]]
            requests.append((0, item_prompt(item), item["choices"][item["answer"]] + END))
            owners += [i] * 5
        else:
            requests.append((MAX_TOKENS[item["family"]], item_prompt(item), item["answer"] + END))
            owners.append(i)
    grouped = [[] for _ in items]
    for i, result in zip(owners, run(runner, model_path, requests, adapter)):
        grouped[i].append(result)
    marks, losses = [], []
    for item, results in zip(items, grouped):
        losses.append(results[-1].nll)
        if "choices" in item:
            likely = [r.nll for r in results[:4]]
            marks.append(likely.index(min(likely)) == item["answer"])
        else:
            marks.append(correct(item, tokenizer.decode(results[0].answer)))
    return marks, losses
