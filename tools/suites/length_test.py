#!/usr/bin/env python3
"""The suite `length` is what its generator writes, and its items are what they say."""
import collections
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import facts
import length
import material

TEXT = length.OUTPUT.read_text(encoding="utf-8")
ITEMS = [json.loads(line) for line in TEXT.splitlines()]


def values(item):
    """The texts that one of the answer's assertions asks for or refuses."""
    return [one["value"] for one in item["answer"] if one["assert"] in ("icontains", "not-icontains")]


class Suite(unittest.TestCase):
    def test_the_file_is_what_the_generator_writes(self):
        self.assertEqual(length.written(), TEXT)

    def test_every_family_is_asked_once_at_every_length(self):
        seen = collections.Counter((item["family"], item["length"]) for item in ITEMS)
        self.assertEqual(len(seen), 30 * len(length.LENGTHS))
        self.assertEqual(set(seen.values()), {1})

    def test_difficulties_are_30_50_20(self):
        seen = collections.Counter(item["difficulty"] for item in ITEMS)
        self.assertEqual([seen[d] / len(ITEMS) for d in ("easy", "medium", "hard")], [0.3, 0.5, 0.2])

    def test_prompts_have_the_length_that_they_say(self):
        for item in ITEMS:
            words = len(length.prompt_text(item).split())
            self.assertLess(abs(words / (0.75 * item["length"]) - 1), 0.061, item["id"])

    def test_all_depths_occur_at_every_length(self):
        for tokens in length.LENGTHS:
            depths = collections.Counter(item["depth"] for item in ITEMS if item["length"] == tokens)
            self.assertEqual(len(depths), 10)
            self.assertEqual(set(depths.values()), {3})

    def test_a_needle_stands_where_its_depth_says(self):
        for item in ITEMS:
            if item["category"] == "needle" and item["difficulty"] != "hard" and item["length"] >= 800:
                text = item["question"]
                self.assertLess(abs(text.index(values(item)[0]) / len(text) - item["depth"]), 0.06, item["id"])

    def test_what_is_asked_stands_once_in_the_prompt(self):
        for item in ITEMS:
            if item["category"] == "late-instruction":
                continue
            for value in values(item):
                self.assertEqual(length.prompt_text(item).lower().count(value.lower()), 1, (item["id"], value))

    def test_the_material_holds_no_value_of_a_fact_and_no_digit(self):
        text = json.dumps([material.SCENES, material.SLOTS, material.REPLIES]).lower()
        self.assertNotRegex(text, r"\d")
        for words in (facts.NAMES, facts.COLOURS, facts.THINGS, facts.PLACES, facts.SHIPS, facts.TOWNS, facts.ANIMALS,
                      facts.WORDS, facts.MONTHS):
            for word in words:
                self.assertNotIn(word.lower(), text)

    def test_the_material_is_varied(self):
        patterns = [line for scene in length.SCENES for line in scene]
        self.assertGreaterEqual(len(patterns), 250)
        self.assertEqual(len(set(patterns)), len(patterns))
        for pattern in patterns:
            self.assertEqual(set(re.findall(r"{(\w+)}", pattern)) - set(material.SLOTS), set())

    def test_dialogues_alternate_and_begin_with_the_user(self):
        for item in ITEMS:
            roles = [turn["role"] for turn in item.get("history", [])]
            self.assertEqual(roles, ["user", "assistant"] * (len(roles) // 2), item["id"])
            self.assertEqual(bool(roles), item["category"] == "long-dialogue")

    def test_no_two_items_ask_the_same(self):
        self.assertEqual(len({length.prompt_text(item) for item in ITEMS}), len(ITEMS))


if __name__ == "__main__":
    unittest.main()
