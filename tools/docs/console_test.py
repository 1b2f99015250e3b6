#!/usr/bin/env python3
"""The rules of console.py: a runner that lets everything pass is worse than none."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console
import run_blocks_rules as rules


class Matching(unittest.TestCase):
    def test_equal_lines_match_and_others_do_not(self):
        self.assertTrue(console.matches(["a", "b"], ["a", "b"]))
        self.assertFalse(console.matches(["a", "b"], ["a"]))
        self.assertFalse(console.matches(["a"], ["a", "b"]))
        self.assertFalse(console.matches([], ["a"]))
        self.assertFalse(console.matches(["a.c"], ["abc"]))

    def test_dots_in_a_line_stand_for_any_text(self):
        self.assertTrue(console.matches(["in … s"], ["in 3.2 s"]))
        self.assertTrue(console.matches(["in… s"], ["in s s"]))
        self.assertFalse(console.matches(["in … s"], ["in 3.2 m"]))

    def test_dots_alone_stand_for_any_number_of_lines(self):
        for dots in ("…", "..."):
            self.assertTrue(console.matches(["a", dots, "z"], ["a", "z"]))
            self.assertTrue(console.matches(["a", dots, "z"], ["a", "b", "z", "z"]))
            self.assertFalse(console.matches(["a", dots, "z"], ["a", "b"]))
            self.assertTrue(console.matches([dots], []))

    def test_numbers_are_exact_unless_measured(self):
        self.assertFalse(console.matches(["14 tok/s"], ["15 tok/s"]))
        self.assertTrue(console.matches(["14 tok/s"], ["1,315.2 tok/s"], measured=True))
        self.assertTrue(console.matches(["a   14 b"], ["a 1234  b"], measured=True))
        self.assertFalse(console.matches(["14 tok/s"], ["fast tok/s"], measured=True))
        self.assertFalse(console.matches(["14 tok/s"], ["14 ms"], measured=True))


class Parsing(unittest.TestCase):
    def test_a_transcript_has_commands_output_and_status(self):
        steps = console.parse(["# about", "$ one", "out ", "", "# next", "$ two <<END", "> text", ">", "> END", "exit 3"])
        self.assertEqual([(s.line, s.command, s.expected, s.exit_code) for s in steps],
                         [(2, "one", ["out"], 0), (6, "two <<END\ntext\n\nEND", [], 3)])

    def test_output_may_begin_with_a_number_sign(self):
        self.assertEqual(console.parse(["$ one", "# Title", "text"])[0].expected, ["# Title", "text"])


class Running(unittest.TestCase):
    def test_commands_run_in_a_folder_of_their_own(self):
        with tempfile.TemporaryDirectory() as root, console.Scratch(root, "/nowhere") as scratch:
            steps = console.parse(["$ echo text >a.txt; pwd", "/tmp/scratch/work", "$ cat a.txt; ls missing", "text",
                                   "…No such file…", "exit 2"])
            self.assertEqual([console.check(step, scratch).complaint for step in steps], [None, None])

    def test_a_wrong_line_or_status_is_reported(self):
        with tempfile.TemporaryDirectory() as root, console.Scratch(root, "/nowhere") as scratch:
            self.assertIn("-b\n+a", console.check(console.Step(1, "echo a", ["b"]), scratch).complaint)
            self.assertIn("exit 4, expected exit 0", console.check(console.Step(1, "exit 4"), scratch).complaint)


class Blocks(unittest.TestCase):
    def test_only_console_blocks_are_found_with_their_words(self):
        text = "# T\n```console\n$ a\n```\n```sh\n$ no\n```\n```console measured\n$ b\n1\n```\n```console no-run needs a network\n$ c\n```\n"
        found = [(b.line, b.words, b.lines) for b in rules.blocks(text)]
        self.assertEqual(found, [(3, "", ["$ a"]), (9, "measured", ["$ b", "1"]), (13, "no-run needs a network", ["$ c"])])

    def test_unknown_words_and_open_blocks_are_errors(self):
        for text in ("```console fast\n$ a\n```\n", "```console\n$ a\n", "```console no-run\n$ a\n```\n"):
            with self.assertRaises(ValueError):
                list(rules.blocks(text))


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed, {len(result.skipped)} skipped")
    sys.exit(bool(bad))
