"""The pre-training text: seeded, generated, a few tens of millions of tokens.

Pools, each a list of documents; a document is a list of (text, is_answer) pieces:

    one pool per family   single chats in the seen form
    filler                copying, counting, small talk, facts, JSON of any keys, plain stories
    talk                  conversations of 3 to 40 turns, some as long as the context

A model draws from the pools by its own mix (see models.py).
"""

import random
import re

import numpy as np

import families
import words as w
from families import FAMILIES, dump, draw, with_articles

SEED = 20261
POOL_SIZES = {name: 100_000 for name in FAMILIES} | {"filler": 150_000, "talk": 24_000}
SYSTEMS = ("You are a helpful assistant.", "Answer with one word or number.", "Answer briefly.",
           "You follow commands. Answer with JSON only.", "You read carefully.", "Be exact.")
MAX_TOKENS = 1024

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def chat(turns, system=None):
    """Pieces of a conversation [(user, assistant), …], as CHAT_TEMPLATE renders it."""
    pieces = [(f"<|im_start|>system\n{system}<|im_end|>\n", False)] if system else []
    for user, assistant in turns:
        pieces.append((f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n", False))
        pieces.append((f"{assistant}<|im_end|>", True))
        pieces.append(("\n", False))
    return pieces


def prompt_text(user, system=None):
    """What the chat template renders for one user message with the generation prompt."""
    return "".join(text for text, _ in chat([(user, "")], system)[: 2 if system else 1])


# --------------------------------------------------------------------------------- filler

NOUNS = (w.NAMES + w.NEW_NAMES + w.CITIES + w.NEW_CITIES + w.JOBS + w.NEW_JOBS + w.COLOURS + w.THINGS
          + w.NEW_THINGS + w.ANIMALS + w.FOODS + w.NEW_FOODS + w.DEVICES + w.NEW_DEVICES + w.ROOMS
          + w.NEW_ROOMS + w.PLURALS + w.NEW_PLURALS + w.DAYS + w.MONTHS + list(w.INTENTS)
          + list(w.NEW_INTENTS) + w.OTHER + w.LETTERS + list(w.CODES))
_KEYS = ("name city colour action device room value minutes who to place day job food animal error thing "
         "month label number count").split()
_FACTS = [("What colour is grass?", "Green."), ("What colour is snow?", "White."), ("What colour is coal?", "Black."),
          ("How many days has a week?", "7"), ("How many months has a year?", "12"),
          ("How many minutes has an hour?", "60"), ("How many hours has a day?", "24"),
          ("What does a cow give?", "Milk."), ("What does a hen lay?", "Eggs."), ("Where do fish live?", "In water."),
          ("Which day comes after Sunday?", "Monday"), ("What do we read?", "A book."), ("What do we drink?", "Water.")]
_GREETINGS = [("Hello!", "Hello! What can I do for you?"), ("Hi there.", "Hi! How can I help?"),
              ("Good morning.", "Good morning! What do you need?"), ("Thank you.", "You are welcome."),
              ("Thanks, that is all.", "You are welcome. Goodbye!"), ("How are you?", "I am well, thank you."),
              ("Who are you?", "I am a small language model."), ("What can you do?", "I can count, read and sort."),
              ("Goodbye.", "Goodbye!"), ("That is wrong.", "I am sorry. Please ask again."),
              ("Are you a human?", "No, I am a small language model.")]


def _mixed_words(rng, low, high):
    return [rng.choice(NOUNS) if rng.random() < 0.85 else str(rng.randint(0, 99))
            for _ in range(rng.randint(low, high))]


def _copy(rng):
    shown = _mixed_words(rng, 1, 7)
    separator = rng.choice((" ", ", "))
    text = separator.join(shown)
    return rng.choice((f"Repeat: {text}", f"Say: {text}", f'Write exactly "{text}".')), text


def _record(rng):
    keys = rng.sample(_KEYS, rng.randint(1, 4))
    values = [rng.randint(0, 99) if rng.random() < 0.2 else rng.choice(NOUNS) for _ in keys]
    told = ", ".join(f"{key} is {value}" for key, value in zip(keys, values))
    return f"Write as JSON: {told}.", dump(dict(zip(keys, values)))


def _look_up(rng):
    shown = [rng.choice(NOUNS) for _ in range(3)]
    keys = rng.sample(_KEYS, 3)
    told = dump(dict(zip(keys, shown)))
    i = rng.randrange(3)
    return rng.choice((f"{told}\nWhat is the value of {keys[i]}?", f"{told}\nRead {keys[i]}.")), shown[i]


def _count(rng):
    start, length = rng.randint(0, 90), rng.randint(3, 9)
    up = [str(start + i) for i in range(length)]
    if rng.random() < 0.5:
        return f"Count from {up[0]} to {up[-1]}.", ", ".join(up)
    return f"Count down from {up[-1]} to {up[0]}.", ", ".join(up[::-1])


def _one_more(rng):
    n = rng.randint(1, 98)
    return rng.choice(((f"Which number comes after {n}?", str(n + 1)), (f"Which number comes before {n}?", str(n - 1))))


def _quote(rng):
    who, said = rng.choice(w.NAMES + w.NEW_NAMES), " ".join(_mixed_words(rng, 2, 5))
    return f'{who} said "{said}". What did {who} say?', said


_EXCHANGES = (_copy, _copy, _copy, _record, _record, _look_up, _count, _one_more, _quote,
              lambda rng: rng.choice(_FACTS), lambda rng: rng.choice(_GREETINGS))


def exchange(rng):
    """One (user, assistant) pair of general chat."""
    return rng.choice(_EXCHANGES)(rng)


def story(rng):
    """A few plain sentences about one person, without chat markers."""
    name, friend = rng.sample(w.NAMES + w.NEW_NAMES, 2)
    city = rng.choice(w.CITIES + w.NEW_CITIES)
    thing, other = rng.sample(w.THINGS + w.NEW_THINGS, 2)
    colour, food = rng.choice(w.COLOURS), rng.choice(w.FOODS + w.NEW_FOODS)
    animal, room = rng.choice(w.ANIMALS), rng.choice(w.ROOMS + w.NEW_ROOMS)
    job, day = rng.choice(w.JOBS + w.NEW_JOBS), rng.choice(w.DAYS)
    a, b = rng.randint(2, 49), rng.randint(2, 49)
    device, things = rng.choice(w.DEVICES + w.NEW_DEVICES), rng.choice(w.PLURALS + w.NEW_PLURALS)
    lines = [f"{name} went to {city} on {day}.", f"There {name} met {friend}, a {job}.",
             f"{friend} had a {colour} {thing} and a {other}.", f"They ate {food} together.",
             f"A {animal} sat in the {room}.", f"{name} bought {a} {things} for {b} coins.",
             f"{friend} gave the {other} to {name}.", f"The {device} in the {room} was old.",
             f"Who had the {thing}? It was {friend}.", f"{name} and {friend} laughed.",
             f"After that, {friend} went home to {rng.choice(w.CITIES + w.NEW_CITIES)}.",
             f"The {animal} of {friend} was {colour}.", f"It was {rng.choice(w.MONTHS)} and very warm.",
             f"{name} is older than {friend} and gives the {thing} away.", f"{name} still had many {things} left.",
             f"First they wash the {animal}, second they feed it.", f"{friend} works in {city} on business.",
             f"Tell {friend} to call {name} in {a} minutes.", f"{name} lost a {other} but took the {thing} back.",
             f"Remind me to write a message to {friend}, said {name}.", f"There is no such {thing} in the {room}.",
             f"Only the {device} near the end of the list is known to both.", f"{name} was born in {city}.",
             "How much is missing, and who makes the text grow?", f"They swap the {thing} for {a} more {things}.",
             f"The youngest takes the last {food}, the oldest takes the {other}.",
             f"We leave out nothing and meet in the {room} before {day}."]
    kept = [lines[0]] + [line for line in lines[1:] if rng.random() < 0.3]
    return with_articles(" ".join(kept)) + "\n"


def _remembered(rng):
    """(statement turn, question turn) about the user, for the two ends of a conversation."""
    kind = rng.choice(("name", "city", "animal"))
    if kind == "name":
        name = rng.choice(w.NAMES + w.NEW_NAMES)
        return (f"My name is {name}.", f"Hello {name}!"), ("What is my name?", name)
    if kind == "city":
        city = rng.choice(w.CITIES + w.NEW_CITIES)
        return (f"I live in {city}.", f"{city} is a nice place."), ("Where do I live?", city)
    animal = rng.choice(w.ANIMALS)
    return (f"I have a pet, my {animal}.", f"What a nice {animal}!"), ("Which pet do I have?", animal)


def _turn(rng):
    if rng.random() < 0.35:
        return exchange(rng)
    item = draw(families.SEEN[rng.choice(FAMILIES)], rng, held=False)
    return item.question, item.answer


def talk(rng):
    """A conversation that changes its subject and comes back to what the user said first."""
    turns = [_turn(rng) for _ in range(rng.choice((2, 3, 4, 6, 8, 12, 20, 30)))]
    if rng.random() < 0.7:
        statement, question = _remembered(rng)
        turns = [statement, *turns, question]
    return chat(turns, rng.choice(SYSTEMS) if rng.random() < 0.3 else None)


def document(pool, rng):
    if pool == "talk":
        return talk(rng)
    if pool == "filler":
        if rng.random() < 0.3:
            return [(story(rng), False)]
        turns = [exchange(rng)]
    else:
        item = draw(families.SEEN[pool], rng, held=False)
        turns = [(item.question, item.answer)]
    return chat(turns, rng.choice(SYSTEMS) if rng.random() < 0.3 else None)


def documents(pool, count, seed=SEED):
    """`count` documents; the same for the same pool and seed, whatever else is generated."""
    rng = random.Random(f"{seed}/{pool}")
    for _ in range(count):
        yield document(pool, rng)


def questions(pieces):
    """The user messages of a document: what a suite item must not repeat."""
    text = "".join(text for text, _ in pieces)
    return re.findall(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", text, re.DOTALL)


def encode_document(pieces, tokenizer):
    """(token ids, answer flags), cut at MAX_TOKENS."""
    ids, flags = [], []
    for text, is_answer in pieces:
        piece = tokenizer.encode(text)
        ids += piece
        flags += [is_answer] * len(piece)
    return ids[:MAX_TOKENS], flags[:MAX_TOKENS]


def build(tokenizer, directory):
    """Writes one POOL.npz per pool: ids, flags (1 = answer) and offsets. Returns token counts."""
    counts = {}
    for pool, count in POOL_SIZES.items():
        ids, flags, offsets = [], [], [0]
        for pieces in documents(pool, count):
            piece_ids, piece_flags = encode_document(pieces, tokenizer)
            ids.append(np.array(piece_ids, np.uint16))
            flags.append(np.array(piece_flags, np.bool_))
            offsets.append(offsets[-1] + len(piece_ids))
        np.savez(directory / f"{pool}.npz", ids=np.concatenate(ids), flags=np.concatenate(flags),
                 offsets=np.array(offsets))
        counts[pool] = offsets[-1]
    return counts
