#!/usr/bin/env python3
"""Writes the suite `length`: the same kinds of questions in prompts of about 100 to 6,400 tokens.

    tools/suites/length.py             writes tasks/length.jsonl
    tools/suites/length.py --check     fails when it differs from what would be written

Ten families of each of three kinds, each at seven lengths: needle (a fact in other text, asked at the end),
late-instruction (the instruction that counts stands at the beginning, or changes on the way) and long-dialogue (a
detail of an earlier turn). A prompt has LENGTH * 3/4 words, within 6 %. The depth of what is asked moves with family and
length over all tenths. Deterministic: only Random(text).random() is used, which Python promises to keep.
"""

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import facts  # noqa: E402
import material  # noqa: E402

OUTPUT = Path(__file__).resolve().parents[2] / "tasks" / "length.jsonl"
SEED = "length 1"
LENGTHS = [100, 200, 400, 800, 1600, 3200, 6400]
WORDS_PER_TOKEN = 0.75
SPREAD = 0.06  # of the number of words


class Draws:
    """The random numbers of one item; only Random.random() is used."""

    def __init__(self, name):
        self._random = random.Random(f"{SEED} {name}")

    def randrange(self, low, high):
        return low + int(self._random.random() * (high - low))

    def choice(self, values):
        return values[self.randrange(0, len(values))]

    def different(self, values, count):
        left = list(values)
        return [left.pop(self.randrange(0, len(left))) for _ in range(count)]


def lines_of(text):
    return [line.strip() for line in text.strip().splitlines()]


SCENES = [lines_of(text) for text in material.SCENES.values()]
REPLIES = lines_of(material.REPLIES)


def count_words(text):
    return len(text.split())


def fill(pattern, draws):
    """The sentence with every slot filled; a slot that stands twice gets two values."""
    for slot, values in material.SLOTS.items():
        while f"{{{slot}}}" in pattern:
            pattern = pattern.replace(f"{{{slot}}}", draws.choice(values), 1)
    return pattern[0].upper() + pattern[1:]


class Filler:
    """Endless sentences: a scene for a few of them, then another one; no pattern twice before its scene is used up."""

    def __init__(self, draws):
        self._draws = draws
        self._left = [[] for _ in SCENES]
        self._scene, self._sentences = 0, 0

    def sentence(self):
        if self._sentences == 0:
            self._scene, self._sentences = self._draws.randrange(0, len(SCENES)), self._draws.randrange(4, 9)
        self._sentences -= 1
        left = self._left[self._scene]
        if not left:
            left.extend(self._draws.different(SCENES[self._scene], len(SCENES[self._scene])))
        return fill(left.pop(), self._draws)

    def sentences(self, words):
        """So many that their words come as close to `words` as whole sentences can."""
        chosen, total = [], 0
        while total < words:
            candidates = [self.sentence() for _ in range(1 if words - total > 30 else 3)]
            sentence = min(candidates, key=lambda s: abs(words - total - count_words(s)))
            if total + count_words(sentence) - words > words - total:
                break
            chosen.append(sentence)
            total += count_words(sentence)
        return chosen


def put(parts, inserted):
    """Puts each (depth, text) between `parts`, in order of depth, where the texts before it have that share."""
    result = list(parts)
    for depth, text in sorted(inserted, reverse=True):
        result.insert(round(depth * len(parts)), text)
    return result


def paragraphs(sentences):
    return "\n\n".join(" ".join(sentences[i:i + 8]) for i in range(0, len(sentences), 8))


def wanted_words(length):
    return round(length * WORDS_PER_TOKEN)


def others(draws, values, taken, make):
    """A value of `make` that is not in `taken`, neither as a part of one nor the other way round."""
    while True:
        value = make(draws)
        if all(value not in one and one not in value for one in list(taken) + list(values)):
            return value


def needle(family, length, depth, draws):
    """(prompt, assertions, samples) of a fact in a text."""
    subject, *other_subjects = draws.different(family.subjects, 1 + family.decoys)
    value = others(draws, [subject], [], family.value)
    inserted = [(depth, family.fact.format(subject, value))]
    question, answer, wrong = family.question, value, []
    if family.question is None:
        link, question, make = facts.LINKS[family.fact]
        other = others(draws, [value], [], lambda d: d.choice(facts.NAMES))
        answer = make(draws)
        wrong = [others(draws, [answer], [], make)]
        inserted += [((depth + 0.4) % 1, link.format(value, answer)), ((depth + 0.7) % 1, link.format(other, wrong[0]))]
    for i, one in enumerate(other_subjects):
        wrong.append(others(draws, [answer], wrong, family.value))
        inserted.append(((depth + 0.35 * (i + 1)) % 1, family.fact.format(one, wrong[-1])))
    question = question.format(subject)
    start = "Read the text and answer the question after it."
    words = wanted_words(length) - count_words(f"{start} {question}") - sum(count_words(t) for _, t in inserted)
    text = paragraphs(put(Filler(draws).sentences(words), inserted))
    return ({"question": f"{start}\n\n{text}\n\n{question}"},
            [facts.contains(answer)] + [facts.lacks(one) for one in wrong],
            {"right": [answer], "wrong": wrong or ["The text does not say."]})


def late_instruction(family, length, depth, draws):
    words = draws.different(facts.WORDS, 3)
    # The last change stands at `depth`, those before it at equal steps on the way.
    count = len(family.later)
    inserted = [(depth * (i + 1) / count, text.format(*words)) for i, text in enumerate(family.later)]
    first = family.first.format(*words)
    room = wanted_words(length) - count_words(f"{first} {family.end}") - sum(count_words(t) for _, t in inserted)
    text = paragraphs(put(Filler(draws).sentences(room), inserted))
    assertions = [{k: v.format(*words) if isinstance(v, str) and "{" in v else v for k, v in one.items()}
                  for one in family.answer]
    samples = {side: [one.format(*words) for one in getattr(family, side)] for side in ("right", "wrong")}
    return {"question": f"{first}\n\n{text}\n\n{family.end}"}, assertions, samples


def long_dialogue(family, length, depth, draws):
    value = family.value(draws)
    told, wrong = [(depth, family.told.format(value))], []
    if family.decoy:
        wrong.append(others(draws, [value], [], family.value))
        told.append(((depth + 0.45) % 1, family.decoy.format(wrong[-1])))
    if family.corrected:
        wrong.append(value)
        value = others(draws, [], wrong, family.value)
        told = [(depth / 2, told[0][1])] + told[1:] + [(depth, family.corrected.format(value))]
    room = wanted_words(length) - count_words(family.question) - sum(count_words(text) for _, text in told)
    filler, turns = Filler(draws), []
    while room > 0:
        sentences = [filler.sentence() for _ in range(min(draws.randrange(1, 4), max(1, room // 20)))]
        turn = (" ".join(sentences), draws.choice(REPLIES))
        turns.append(turn)
        room -= count_words(" ".join(turn))
    # A detail becomes part of what the user says in its turn: the texts between the turns are merged into them.
    placed = put([None] * len(turns), told)
    history, rest, pending = [], iter(turns), []
    for entry in placed:
        if entry is not None:
            pending.append(entry)
            continue
        user, reply = next(rest)
        history += [("user", " ".join([user] + pending)), ("assistant", reply)]
        pending = []
    if pending:
        history[-2] = ("user", " ".join([history[-2][1]] + pending))
    return ({"history": [{"role": role, "content": content} for role, content in history], "question": family.question},
            [facts.contains(value)] + [facts.lacks(one) for one in wrong],
            {"right": [value], "wrong": wrong or ["You have not told me."]})


KINDS = [("needle", facts.NEEDLES, needle), ("late-instruction", facts.LATE, late_instruction),
         ("long-dialogue", facts.DETAILS, long_dialogue)]


def prompt_text(item):
    return "\n".join([turn["content"] for turn in item.get("history", [])] + [item["question"]])


def make_item(kind, make, number, family, place):
    """The first try whose number of words fits; later tries differ in their draws only."""
    length = LENGTHS[place]
    depth = ((3 * number + 7 * place) % 10 + 0.5) / 10
    for attempt in range(200):
        prompt, answer, samples = make(family, length, depth, Draws(f"{kind} {number} {length} {attempt}"))
        item = {"id": f"{kind}-{number + 1:02}-{length}", **prompt, "answer": answer, "category": kind,
                "difficulty": family.difficulty, "family": f"{kind}-{number + 1:02}", "length": length, "depth": depth,
                "samples": samples}
        if abs(count_words(prompt_text(item)) / wanted_words(length) - 1) <= SPREAD:
            return item
    raise SystemExit(f"{kind} {number + 1} at {length}: no try has the wanted number of words")


def make_items():
    items = []
    for place in range(len(LENGTHS)):
        for kind, families, make in KINDS:
            items += [make_item(kind, make, number, family, place) for number, family in enumerate(families)]
    return items


def written():
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in make_items())


def main():
    if sys.argv[1:] == ["--check"]:
        if OUTPUT.read_text(encoding="utf-8") != written():
            raise SystemExit(f"{OUTPUT} is not what {Path(__file__).name} writes; run it without --check")
    elif len(sys.argv) == 1:
        OUTPUT.write_text(written(), encoding="utf-8")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
