"""The task families: seeded generators of question, answer and key.

A family has a seen form, which pre-training shows, and shifted forms, which only the suites and
their training splits show. Each generator takes a random.Random and returns an Item.

The key names what an item asks whatever its wording (the operands of a sum, the slots of a
command). A tenth of all keys, chosen by hash, is held out: pre-training and LoRA splits never use
them, the test suites use nothing else. So a suite item is disjoint from training in substance, and
not merely in its spelling.
"""

import hashlib
import json
import re
from dataclasses import dataclass

import words as w


@dataclass(frozen=True)
class Item:
    family: str
    question: str
    answer: str
    key: str
    category: str  # "seen" or "shifted"
    difficulty: str  # "easy", "medium" or "hard"
    choices: tuple = ()  # for multiple choice; contains the answer


def held_out(item):
    digest = hashlib.sha256(f"{item.family}|{item.key}".encode()).digest()
    return digest[0] % 10 == 0


def draw(generator, rng, held):
    """The next item of `generator` that is held out (or, held=False, is not)."""
    while True:
        item = generator(rng)
        if held_out(item) == held:
            return item


def dump(value):
    return json.dumps(value, ensure_ascii=False)


def with_articles(sentence):
    """Makes "a owl" "an owl"."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", sentence)


# ---------------------------------------------------------------------------------- arith


def _sum_key(a, b):
    return f"{min(a, b)}+{max(a, b)}"


def arith_seen(rng):
    if rng.random() < 0.5:
        a = rng.randint(1, 98)
        b = rng.randint(1, 99 - a)
        texts = (f"What is {a} + {b}?", f"Compute {a} + {b}.", f"Add {a} and {b}.", f"{a} plus {b} is?")
        key, answer, carry = _sum_key(a, b), a + b, a % 10 + b % 10 > 9
    else:
        a = rng.randint(2, 99)
        b = rng.randint(1, a - 1)
        texts = (f"What is {a} - {b}?", f"Compute {a} - {b}.", f"Subtract {b} from {a}.",
                 f"{a} minus {b} is?")
        key, answer, carry = f"{a}-{b}", a - b, a % 10 < b % 10
    difficulty = "easy" if min(a, b) < 10 else "hard" if carry else "medium"
    return Item("arith", rng.choice(texts), str(answer), key, "seen", difficulty)


def arith_shifted(rng):
    kind = rng.choice(("gain", "lose", "words", "missing", "two steps"))
    name, other = rng.sample(w.NAMES + w.NEW_NAMES, 2)
    things = rng.choice(w.PLURALS + w.NEW_PLURALS)
    a = rng.randint(2, 97)
    b = rng.randint(1, 99 - a)
    if kind == "gain":
        text = rng.choice((
            f"{name} has {a} {things}. {other} gives {name} {b} more. How many {things} does {name} have now?",
            f"There are {a} {things} in the box. {name} puts {b} more into it. How many {things} are in the box?"))
        return Item("arith", text, str(a + b), _sum_key(a, b), "shifted", "medium")
    if kind == "lose":
        a, b = a + b, b
        text = rng.choice((
            f"{name} has {a} {things} and gives {b} of them to {other}. How many {things} are left?",
            f"{name} had {a} {things} but lost {b}. How many {things} does {name} still have?"))
        return Item("arith", text, str(a - b), f"{a}-{b}", "shifted", "medium")
    if kind == "words":
        if rng.random() < 0.5:
            text = rng.choice((f"Give me the sum of {a} and {b}.", f"Increase {a} by {b}."))
            return Item("arith", text, str(a + b), _sum_key(a, b), "shifted", "easy")
        a, b = a + b, b
        text = rng.choice((f"Take {b} away from {a}.", f"How much more is {a} than {b}?"))
        return Item("arith", text, str(a - b), f"{a}-{b}", "shifted", "easy")
    if kind == "missing":
        text = rng.choice((f"Which number plus {a} makes {a + b}?", f"How much is missing from {a} to {a + b}?"))
        return Item("arith", text, str(b), f"{a + b}-{a}", "shifted", "medium")
    c = rng.randint(1, a + b - 1)
    return Item("arith", f"What is {a} + {b} - {c}?", str(a + b - c), f"{a}+{b}-{c}", "shifted", "hard")


# -------------------------------------------------------------------------------- command

_SWITCH = {"turn_on": ("Turn on", "Switch on", "Start"), "turn_off": ("Turn off", "Switch off", "Stop"),
           "open": ("Open",), "close": ("Close",), "check": ("Check", "Look at")}
_ASIDES = ("It is late.", "I am tired.", "We have guests.", "It is cold here.", "Nobody is at home.")


def _command(rng, devices, rooms):
    """(sentence, object) of one command on a device in a room."""
    device, room = rng.choice(devices), rng.choice(rooms)
    if rng.random() < 0.3:
        value = rng.randint(10, 99)
        verb = rng.choice(("Set", "Put"))
        return (f"{verb} the {device} in the {room} to {value}.",
                {"action": "set", "device": device, "room": room, "value": value})
    action = rng.choice(tuple(_SWITCH))
    verb = rng.choice(_SWITCH[action])
    return f"{verb} the {device} in the {room}.", {"action": action, "device": device, "room": room}


def _room_told_before(rng):
    """A command whose room stands in an earlier sentence: (sentences, object)."""
    text, result = _command(rng, w.DEVICES, w.ROOMS)
    device, room = result["device"], result["room"]
    other = rng.choice([d for d in w.DEVICES if d != device])
    elsewhere = rng.choice([r for r in w.ROOMS if r != room])
    if rng.random() < 0.5:
        text = f"I am in the {room}. " + text.replace(f" in the {room}", " here")
    else:
        told = [f"The {device} is in the {room}.", f"The {other} is in the {elsewhere}."]
        rng.shuffle(told)
        text = f"{' '.join(told)} " + text.replace(f" in the {room}", "")
    return text, result


def command_seen(rng):
    if rng.random() < 0.3:
        text, result = _room_told_before(rng)
        return Item("command", text, dump(result), dump(result), "seen", "hard")
    text, result = _command(rng, w.DEVICES, w.ROOMS)
    difficulty = "easy"
    if rng.random() < 0.4:
        text, difficulty = "Please " + text[0].lower() + text[1:], "medium"
    if rng.random() < 0.3:
        aside = rng.choice(_ASIDES + (f"I am in the {rng.choice(w.ROOMS)}.",))
        text, difficulty = f"{aside} {text}", "medium"
    return Item("command", text, dump(result), dump(result), "seen", difficulty)


def command_shifted(rng):
    kind = rng.choice(("new words", "new words", "timer", "message", "refusal", "two"))
    if kind == "new words":
        text, result = _command(rng, w.NEW_DEVICES + w.DEVICES[:3], w.NEW_ROOMS + w.ROOMS[:2])
        return Item("command", text, dump(result), dump(result), "shifted", "easy")
    if kind == "timer":
        minutes, name = rng.randint(2, 99), rng.choice(w.NAMES + w.NEW_NAMES)
        text = rng.choice((f"Remind {name} in {minutes} minutes.", f"In {minutes} minutes, call {name}."))
        result = {"action": "timer", "minutes": minutes, "who": name}
        return Item("command", text, dump(result), dump(result), "shifted", "medium")
    if kind == "message":
        name, city = rng.choice(w.NAMES + w.NEW_NAMES), rng.choice(w.CITIES + w.NEW_CITIES)
        day = rng.choice(w.DAYS)
        text = rng.choice((f"Tell {name} that I am in {city} on {day}.",
                           f"Write to {name} that we meet in {city} on {day}."))
        result = {"action": "message", "to": name, "place": city, "day": day}
        return Item("command", text, dump(result), dump(result), "shifted", "medium")
    if kind == "refusal":
        animal, room, thing = rng.choice(w.ANIMALS), rng.choice(w.ROOMS), rng.choice(w.NEW_FOODS + w.FOODS)
        verb = rng.choice(("Feed", "Wash", "Paint", "Turn on", "Open", "Close"))
        text = rng.choice((f"{verb} the {animal} in the {room}.", f"{verb} the {thing} in the {room}."))
        return Item("command", text, dump({"error": "no such device"}), text, "shifted", "hard")
    first, one = _command(rng, w.DEVICES, w.ROOMS)
    second, two = _command(rng, w.DEVICES, w.ROOMS)
    text = f"{first[:-1]} and {second[0].lower()}{second[1:]}"
    return Item("command", text, dump([one, two]), dump([one, two]), "shifted", "hard")


# --------------------------------------------------------------------------------- intent


def _fill(rng, sentence, new):
    """Fills every {slot} of a message; `new` adds the unseen words."""
    def pick(seen, unseen):
        return rng.choice(seen + unseen if new else seen)

    return with_articles(sentence.format(
        name=pick(w.NAMES, w.NEW_NAMES), city=pick(w.CITIES, w.NEW_CITIES), thing=pick(w.THINGS, w.NEW_THINGS),
        food=pick(w.FOODS, w.NEW_FOODS), job=pick(w.JOBS, w.NEW_JOBS), colour=rng.choice(w.COLOURS),
        animal=rng.choice(w.ANIMALS), day=rng.choice(w.DAYS), month=rng.choice(w.MONTHS),
        n=rng.randint(2, 9), m=rng.randint(10, 99)))


def _label_list(rng, labels, must, count):
    others = rng.sample([label for label in labels if label not in must], count - len(must))
    shown = list(must) + others
    rng.shuffle(shown)
    return "Labels: " + ", ".join(shown) + "."


def intent_seen(rng):
    label = rng.choice(tuple(w.INTENTS))
    message = _fill(rng, rng.choice(w.INTENTS[label]), new=False)
    count = rng.choice((3, 4, 5))
    kind = rng.choice(("plain", "plain", "now", "code", "code"))
    if kind == "code":
        # The label must be found and then looked up: two steps, where the plain form takes one.
        labels = [label] + rng.sample([name for name in w.INTENTS if name != label], count - 1)
        codes = dict(zip(rng.sample(labels, count), rng.sample(w.CODES, count)))
        told = ", ".join(f"{code} {name}" for name, code in codes.items())
        return Item("intent", f"Codes: {told}.\nMessage: {message}", codes[label], message, "seen", "hard")
    if kind == "plain":
        question = f"{_label_list(rng, tuple(w.INTENTS), [label], count)}\nMessage: {message}"
        return Item("intent", question, label, message, "seen", "easy")
    other = rng.choice([name for name in w.INTENTS if name != label])
    before = _fill(rng, rng.choice(w.INTENTS[other]), new=False)
    labels = _label_list(rng, tuple(w.INTENTS), [label, other], count)
    question = f"{labels}\nMessage: That is done: {before} Now this: {message}"
    return Item("intent", question, label, message, "seen", "medium")


def intent_shifted(rng):
    every = w.INTENTS | w.NEW_INTENTS
    label = rng.choice(tuple(w.NEW_INTENTS)) if rng.random() < 0.6 else rng.choice(tuple(w.INTENTS))
    message = _fill(rng, rng.choice(every[label]), new=True)
    kind = rng.choice(("plain", "first", "both"))
    if kind == "plain":
        question = f"{_label_list(rng, tuple(every), [label], 5)}\nMessage: {message}"
        return Item("intent", question, label, message, "shifted", "easy")
    other = rng.choice([name for name in every if name != label])
    second = _fill(rng, rng.choice(every[other]), new=True)
    labels = _label_list(rng, tuple(every), [label, other], 5)
    question = f"{labels}\nFirst message: {message}\nSecond message: {second}"
    if kind == "first":
        return Item("intent", f"{question}\nLabel only the first message.", label, f"{message}|{second}",
                    "shifted", "medium")
    return Item("intent", f"{question}\nLabel both messages.", f"{label}, {other}", f"{message}|{second}",
                "shifted", "hard")


# -------------------------------------------------------------------------------- extract

_FACTS = {  # attribute -> (statement, question, pool)
    "job": ("{name} is a {value}.", "What is the job of {name}?", w.JOBS),
    "city": ("{name} lives in {value}.", "Where does {name} live?", w.CITIES),
    "food": ("{name} likes {value}.", "What does {name} like?", w.FOODS),
    "colour": ("The coat of {name} is {value}.", "Which colour is the coat of {name}?", w.COLOURS),
    "animal": ("{name} has a {value}.", "Which animal does {name} have?", w.ANIMALS),
}
_DESCRIBED = {  # a person named by one fact, to be asked for another
    "job": "the {value}", "city": "the one from {value}", "food": "the one who likes {value}",
    "colour": "the one with the {value} coat", "animal": "the owner of the {value}",
}
_NEW_FACTS = {
    "month": ("{name} was born in {value}.", "In which month was {name} born?", w.MONTHS),
    "trip": ("{name} flew to {value} on business.", "Which city did {name} fly to?", w.CITIES + w.NEW_CITIES),
    "loss": ("{name} lost a {value}.", "What did {name} lose?", w.THINGS + w.NEW_THINGS),
    "job": ("{name} works as a {value}.", "What does {name} work as?", w.JOBS + w.NEW_JOBS),
}


def _passage(rng, facts, names, people, attributes):
    """[(name, attribute, value, sentence)] in random order; no value occurs twice."""
    kinds = rng.sample(tuple(facts), attributes)
    values = {kind: rng.sample(facts[kind][2], people) for kind in kinds}
    told = [(name, kind, values[kind][i], with_articles(facts[kind][0].format(name=name, value=values[kind][i])))
            for i, name in enumerate(rng.sample(names, people)) for kind in kinds]
    rng.shuffle(told)
    return told


def extract_seen(rng):
    people, attributes = rng.choice(((2, 1), (2, 2), (3, 1), (3, 2), (3, 2)))
    told = _passage(rng, _FACTS, w.NAMES, people, attributes)
    name, kind, value, _ = rng.choice(told)
    who, difficulty = name, {2: "easy", 3: "medium", 4: "medium", 6: "hard"}[len(told)]
    if attributes == 2 and rng.random() < 0.4:
        by, known = next((k, v) for n, k, v, _ in told if n == name and k != kind)
        who, difficulty = _DESCRIBED[by].format(value=known), "hard"
    passage = " ".join(sentence for *_, sentence in told)
    question = f"{passage}\n{_FACTS[kind][1].format(name=who)}"
    return Item("extract", question, value, question, "seen", difficulty)


def extract_shifted(rng):
    kind = rng.choice(("who", "new facts", "new facts", "all names", "record"))
    if kind == "new facts":
        told = _passage(rng, _NEW_FACTS, w.NAMES + w.NEW_NAMES, 3, 1)
        name, attribute, value, _ = rng.choice(told)
        ask, answer, difficulty = _NEW_FACTS[attribute][1].format(name=name), value, "easy"
    elif kind == "who":
        told = _passage(rng, {k: _FACTS[k] for k in ("job", "city", "food")}, w.NAMES + w.NEW_NAMES, 3, 1)
        name, attribute, value, sentence = rng.choice(told)
        ask, answer, difficulty = "Who " + sentence.partition(" ")[2][:-1] + "?", name, "medium"
    elif kind == "all names":
        told = _passage(rng, _FACTS | _NEW_FACTS, w.NAMES + w.NEW_NAMES, 3, 1)
        ask, difficulty = "List all names in the order of the text.", "hard"
        answer = ", ".join(name for name, *_ in told)
    else:
        told = _passage(rng, _FACTS, w.NAMES + w.NEW_NAMES, 2, 2)
        name = rng.choice([name for name, *_ in told])
        mine = {attribute: value for who, attribute, value, _ in told if who == name}
        ask, difficulty = f"Write what is known about {name} as JSON.", "hard"
        answer = dump({"name": name} | {key: mine[key] for key in _FACTS if key in mine})
    passage = " ".join(sentence for *_, sentence in told)
    return Item("extract", f"{passage}\n{ask}", answer, f"{passage}\n{ask}", "shifted", difficulty)


# ---------------------------------------------------------------------------------- order


def _choices(rng, right, wrong):
    """Four different choices in random order, the right one among them."""
    pool = list(dict.fromkeys(str(v) for v in wrong if str(v) != str(right)))
    picked = rng.sample(pool, 3) + [str(right)]
    rng.shuffle(picked)
    return tuple(picked)


def _near(rng, value, step):
    """Numbers that a careless reader of a sequence would give."""
    return [v for v in (value - step, value + step, value + 1, value - 1, value + 2, value - 2, value + 10,
                        value - 10) if 0 <= v <= 99]


def order_seen(rng):
    kind = rng.choice(("largest", "smallest", "up", "letter", "day"))
    if kind in ("largest", "smallest"):
        close = rng.random() < 0.5
        low = rng.randint(0, 79)
        shown = rng.sample(range(low, low + 21) if close else range(100), 4)
        answer = max(shown) if kind == "largest" else min(shown)
        text = f"Which number is the {kind}: {shown[0]}, {shown[1]}, {shown[2]} or {shown[3]}?"
        return Item("order", text, str(answer), f"{kind} {sorted(shown)}", "seen",
                    "medium" if close else "easy", tuple(str(v) for v in shown))
    if kind == "up":
        step = rng.randint(1, 12)
        start = rng.randint(0, 99 - 4 * step)
        answer = start + 4 * step
        text = f"What comes next: {start}, {start + step}, {start + 2 * step}, {start + 3 * step}?"
        return Item("order", text, str(answer), text, "seen", "hard" if step > 3 else "medium",
                    _choices(rng, answer, _near(rng, answer, step)))
    cycle, step = (w.LETTERS, rng.randint(1, 3)) if kind == "letter" else (w.DAYS, rng.randint(1, 2))
    start = rng.randrange(len(cycle))
    told = [cycle[(start + i * step) % len(cycle)] for i in range(5)]
    text = f"What comes next: {', '.join(told[rng.randint(0, 1):-1])}?"
    wrong = [v for v in cycle if v != told[-2]]
    # The key leaves out how many terms are shown: one more term is the same question.
    return Item("order", text, told[-1], f"{told[-2]} {step}", "seen", "easy" if step == 1 else "medium",
                _choices(rng, told[-1], wrong))


def order_shifted(rng):
    kind = rng.choice(("second", "down", "back", "closest", "people", "double"))
    if kind == "second":
        shown = rng.sample(range(100), 4)
        which = rng.choice(("largest", "smallest"))
        answer = sorted(shown)[2 if which == "largest" else 1]
        text = f"Which number is the second {which}: {shown[0]}, {shown[1]}, {shown[2]} or {shown[3]}?"
        return Item("order", text, str(answer), text, "shifted", "hard", tuple(str(v) for v in shown))
    if kind == "down":
        step = rng.randint(1, 12)
        start = rng.randint(4 * step, 99)
        answer = start - 4 * step
        text = f"What comes next: {start}, {start - step}, {start - 2 * step}, {start - 3 * step}?"
        return Item("order", text, str(answer), text, "shifted", "medium",
                    _choices(rng, answer, _near(rng, answer, step)))
    if kind == "back":
        cycle = rng.choice((w.LETTERS, w.DAYS, w.MONTHS))
        start = rng.randrange(len(cycle))
        told = [cycle[(start - i) % len(cycle)] for i in range(4)]
        text = f"What comes next: {', '.join(told[:3])}?"
        return Item("order", text, told[3], text, "shifted", "medium",
                    _choices(rng, told[3], [v for v in cycle if v not in told]))
    if kind == "closest":
        target, shown = rng.randint(10, 90), rng.sample(range(100), 4)
        gaps = sorted(abs(v - target) for v in shown)
        if gaps[0] == gaps[1]:
            return order_shifted(rng)
        answer = min(shown, key=lambda v: abs(v - target))
        text = f"Which number is closest to {target}: {shown[0]}, {shown[1]}, {shown[2]} or {shown[3]}?"
        return Item("order", text, str(answer), text, "shifted", "hard", tuple(str(v) for v in shown))
    if kind == "people":
        people = rng.sample(w.NAMES + w.NEW_NAMES, 4)  # oldest first
        pairs = list(zip(people, people[1:]))
        rng.shuffle(pairs)
        which = rng.choice(("oldest", "youngest"))
        told = " ".join(f"{a} is older than {b}." for a, b in pairs)
        choices = list(people)
        rng.shuffle(choices)
        return Item("order", f"{told} Who is the {which}?", people[0] if which == "oldest" else people[3], told,
                    "shifted", "hard", tuple(choices))
    start, step = rng.randint(0, 30), rng.randint(1, 6)
    told = [start, start + step, start + 3 * step, start + 6 * step, start + 10 * step]
    if told[-1] > 99:
        return order_shifted(rng)
    text = f"The steps grow. What comes next: {', '.join(str(v) for v in told[:4])}?"
    return Item("order", text, str(told[4]), text, "shifted", "hard",
                _choices(rng, told[4], _near(rng, told[4], step)))


# ---------------------------------------------------------------------------------- lists

_LIST_WORDS = w.THINGS + w.COLOURS + w.ANIMALS + w.FOODS
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def lists_seen(rng):
    count = rng.randint(3, 5)
    shown = rng.sample(_LIST_WORDS, count)
    listed = ", ".join(shown)
    kind = rng.choice(("reverse", "nth", "last", "count", "after"))
    if kind == "reverse":
        return Item("lists", f"Reverse this list: {listed}", ", ".join(shown[::-1]), f"r {listed}", "seen", "hard")
    if kind == "nth":
        n = rng.randrange(count)
        text = f"What is the {_ORDINALS[n]} word of this list: {listed}"
        return Item("lists", text, shown[n], f"{n} {listed}", "seen", "medium")
    if kind == "last":
        return Item("lists", f"What is the last word of this list: {listed}", shown[-1], f"l {listed}", "seen",
                    "easy")
    if kind == "count":
        return Item("lists", f"How many words are in this list: {listed}", str(count), f"c {listed}", "seen",
                    "easy")
    n = rng.randrange(count - 1)
    text = f"Which word comes after {shown[n]} in this list: {listed}"
    return Item("lists", text, shown[n + 1], f"a{n} {listed}", "seen", "medium")


def lists_shifted(rng):
    count = rng.randint(3, 5)
    shown = rng.sample(_LIST_WORDS + w.NEW_THINGS + w.NEW_FOODS, count)
    listed = ", ".join(shown)
    kind = rng.choice(("before", "swap", "drop", "insert", "ends"))
    n = rng.randrange(1, count)
    if kind == "before":
        text = f"Which word comes before {shown[n]} in this list: {listed}"
        return Item("lists", text, shown[n - 1], f"b{n} {listed}", "shifted", "easy")
    if kind == "swap":
        result = [shown[-1], *shown[1:-1], shown[0]]
        text = f"Swap the first and the last word of this list: {listed}"
        return Item("lists", text, ", ".join(result), f"s {listed}", "shifted", "hard")
    if kind == "drop":
        text = f"Leave {shown[n]} out of this list: {listed}"
        return Item("lists", text, ", ".join(v for v in shown if v != shown[n]), f"d{n} {listed}", "shifted",
                    "medium")
    if kind == "insert":
        extra = rng.choice([v for v in w.NEW_THINGS if v not in shown])
        text = f"Put {extra} at the end of this list: {listed}"
        return Item("lists", text, f"{listed}, {extra}", f"i {extra} {listed}", "shifted", "medium")
    text = f"Write only the first and the last word of this list: {listed}"
    return Item("lists", text, f"{shown[0]}, {shown[-1]}", f"e {listed}", "shifted", "medium")


SEEN = {"arith": arith_seen, "command": command_seen, "intent": intent_seen, "extract": extract_seen,
        "order": order_seen, "lists": lists_seen}
SHIFTED = {"arith": arith_shifted, "command": command_shifted, "intent": intent_shifted,
           "extract": extract_shifted, "order": order_shifted, "lists": lists_shifted}
FAMILIES = tuple(SEEN)
