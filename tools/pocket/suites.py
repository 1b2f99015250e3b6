"""The task suites: tasks/pocket/NAME.toml, NAME.jsonl and NAME.train.jsonl.

Test items come from held-out keys only (see families.py), training splits from the others. Two
fifths have the pre-training form, three fifths are shifted. check_disjoint goes through every
question that pre-training could have shown and fails if a suite holds one of them.
"""

import json
import random

import corpus
import families

SEED = 77001
TEST_ITEMS, TRAIN_ITEMS, SEEN_SHARE = 400, 1000, 0.4

DESCRIPTIONS = {
    "arith": "sums and differences below 100, as formulas and as short stories",
    "command": "a spoken command to strict JSON",
    "intent": "the label of a message, from a list of labels in the prompt",
    "extract": "one fact, several names or a record from a short passage",
    "order": "largest, smallest, next in a sequence; multiple choice of four by likelihood",
    "lists": "pick from, reverse and edit a short list of words",
}
SYSTEM = {"command": "You follow commands. Answer with JSON only."}
MAX_TOKENS = {"arith": 8, "command": 96, "intent": 12, "extract": 32, "order": 8, "lists": 24}
SCORER = {"arith": "numeric", "order": "choice"}


def _rows(family, count, held, seed, prefix, taken):
    """`count` different items, SEEN_SHARE of them in the seen form, in random order."""
    rng = random.Random(f"{seed}/{family}/{prefix}")
    seen = round(count * SEEN_SHARE)
    items = []
    for generator, number in ((families.SEEN[family], seen), (families.SHIFTED[family], count - seen)):
        while number:
            item = families.draw(generator, rng, held)
            if item.question not in taken:
                taken.add(item.question)
                items.append(item)
                number -= 1
    rng.shuffle(items)
    rows = []
    for i, item in enumerate(items, 1):
        row = {"id": f"{prefix}-{i:04}", "question": item.question, "answer": item.answer}
        if item.choices:
            row |= {"choices": list(item.choices), "answer": item.choices.index(item.answer)}
        rows.append(row | {"category": item.category, "difficulty": item.difficulty, "key": item.key})
    return rows


def _toml(family):
    system = f'system = "{SYSTEM[family]}"\n' if family in SYSTEM else ""
    scorer = SCORER.get(family, "exact")
    options = {"exact": 'normalize = ["trim"]\n', "numeric": "tolerance = 0\n", "choice": ""}[scorer]
    return f'''# Written by tools/pocket/make.py suites.
name = "pocket-{family}"
version = 1
description = "{DESCRIPTIONS[family]}"
items = "{family}.jsonl"
train = "{family}.train.jsonl"
licence = "Apache-2.0"
source = "tools/pocket, seed {SEED}"

[prompt]
{system}user = "{{question}}"

[generate]
max_tokens = {MAX_TOKENS[family]}

[score]
scorer = "{scorer}"
{options}'''


def write(directory):
    directory.mkdir(parents=True, exist_ok=True)
    for family in families.FAMILIES:
        taken = set()
        test = _rows(family, TEST_ITEMS, True, SEED, family, taken)
        train = _rows(family, TRAIN_ITEMS, False, SEED + 1, f"{family}-train", taken)
        for name, rows in ((f"{family}.jsonl", test), (f"{family}.train.jsonl", train)):
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            (directory / name).write_text("".join(lines))
        (directory / f"{family}.toml").write_text(_toml(family))


def read(directory, family, split=""):
    """Rows of a suite, each with its family."""
    path = directory / f"{family}{split}.jsonl"
    return [json.loads(line) | {"family": family} for line in path.read_text().splitlines()]


def check_lengths(directory, tokenizer):
    """Fails if a right reply with its end token is longer than the suite lets a model write."""
    for family in families.FAMILIES:
        for row in read(directory, family) + read(directory, family, ".train"):
            answer = row["choices"][row["answer"]] if "choices" in row else row["answer"]
            if len(tokenizer.encode(answer)) >= MAX_TOKENS[family]:
                raise SystemExit(f"{row['id']}: the answer does not fit max_tokens")


def check_disjoint(directory):
    """Fails if any test question or key occurs in pre-training or in a training split."""
    questions, keys, items = {}, {}, 0
    for family in families.FAMILIES:
        for row in read(directory, family):
            questions[row["question"]] = row["id"]
            keys[family, row["key"]] = row["id"]
            items += 1
    shown = 0
    for family in families.FAMILIES:
        for row in read(directory, family, ".train"):
            shown += 1
            if row["question"] in questions or (family, row["key"]) in keys:
                raise SystemExit(f"overlap: {row['id']} is a test item of {family}")
    for pool, count in corpus.POOL_SIZES.items():
        for pieces in corpus.documents(pool, count):
            for question in corpus.questions(pieces):
                shown += 1
                if question in questions:
                    raise SystemExit(f"overlap: {questions[question]} occurs in pre-training pool {pool}")
    print(f"disjoint: {items} test items against {shown} training questions, 0 overlaps")
