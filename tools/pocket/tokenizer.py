"""A byte-pair tokenizer in the form that llama.cpp calls SPM (tokenizer.ggml.model = "llama").

Text is cut at the special tokens, spaces become U+2581, and in each word the adjacent pair whose
union has the highest score is merged until none is a token; what no token covers falls back to
bytes. No token holds U+2581 except at its start, so words merge independently and can be cached.

Three things differ from a stock vocabulary, each for the sake of very small models:
  * 0 to 99 are one token each: with single digits a model of this size adds at 36 %, with two-digit
    tokens at 82 % (feasibility study).
  * every word of words.py is one token both at the start of a word ("_lamp") and at the start of an
    answer or after a quote ("lamp");
  * no other digits merge.
"""

import json
import re
from collections import Counter

SPACE = "\u2581"
UNKNOWN, BOS, EOS, START, END = "<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"
SPECIAL = (UNKNOWN, BOS, EOS, START, END)
START_ID, END_ID = 3, 4
MIN_COUNT = 3
_SPECIAL_PATTERN = re.compile("(" + "|".join(re.escape(t) for t in (START, END)) + ")")
# A word begins at every space; numbers, newlines and punctuation stand alone.
_WORD = re.compile(rf"{SPACE}?[A-Za-z_]+|[0-9]+|{SPACE}|[^A-Za-z0-9{SPACE}]")


def _merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i:i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def train(texts, whole_words, vocab_size):
    """Pieces in id order. `whole_words` are merged in full, whatever their frequency."""
    counts = Counter()
    for text in texts:
        for part in _SPECIAL_PATTERN.split(text):
            counts.update(_WORD.findall(part.replace(" ", SPACE)) if part not in SPECIAL else ())
    characters = sorted({c for word in counts for c in word} | set(map(chr, range(33, 127))) | {SPACE, "\n"})
    numbers = [str(n) for n in range(10, 100)]
    room = vocab_size - len(SPECIAL) - 256 - len(characters) - len(numbers)
    forced = max(counts.values())
    for word in whole_words:
        for form in (word, SPACE + word):
            counts[form] += forced

    words = {word: list(word) for word in counts if not word[0].isdigit() and len(word) > 1}
    pairs, where = Counter(), {}
    for word, symbols in words.items():
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += counts[word]
            where.setdefault(pair, set()).add(word)
    merges = []
    while len(merges) < room and pairs:
        pair = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[pair] < MIN_COUNT:
            break
        merges.append(pair[0] + pair[1])
        for word in where.pop(pair):
            for old in zip(words[word], words[word][1:]):
                pairs[old] -= counts[word]
            words[word] = _merge(words[word], pair)
            for new in zip(words[word], words[word][1:]):
                pairs[new] += counts[word]
                where.setdefault(new, set()).add(word)
        del pairs[pair]
    merges = list(dict.fromkeys(merges))
    pieces = [*SPECIAL, *(f"<0x{b:02X}>" for b in range(256)), *numbers, *merges, *characters]
    return pieces


class Tokenizer:
    def __init__(self, pieces):
        self.pieces = pieces
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self.first_merge = len(SPECIAL) + 256
        self._cache = {}

    @staticmethod
    def load(path):
        return Tokenizer(json.loads(path.read_text()))

    def save(self, path):
        path.write_text(json.dumps(self.pieces, ensure_ascii=False))

    def score(self, i):
        """Earlier merges have higher scores; bytes and specials never take part."""
        return 0.0 if i < self.first_merge else -float(i - self.first_merge)

    def _word(self, word):
        symbols = list(word)
        while len(symbols) > 1:
            ranked = [(self.ids.get(a + b, len(self.pieces)), i) for i, (a, b) in enumerate(zip(symbols, symbols[1:]))]
            rank, i = min(ranked)
            if rank == len(self.pieces):
                break
            symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
        ids = []
        for symbol in symbols:
            known = self.ids.get(symbol)
            ids += [known] if known is not None else [len(SPECIAL) + b for b in symbol.encode()]
        return ids

    def encode(self, text):
        ids = []
        for part in _SPECIAL_PATTERN.split(text):
            if part in (START, END):
                ids.append(self.ids[part])
                continue
            for word in _WORD.findall(part.replace(" ", SPACE)):
                if word not in self._cache:
                    self._cache[word] = self._word(word)
                ids += self._cache[word]
        return ids

    def decode(self, ids):
        """Text of ids; specials vanish, as llama.cpp renders them."""
        out = bytearray()
        for i in ids:
            if len(SPECIAL) <= i < self.first_merge:
                out.append(i - len(SPECIAL))
            elif i >= self.first_merge:
                out += self.pieces[i].replace(SPACE, " ").encode()
        return out.decode(errors="replace")
