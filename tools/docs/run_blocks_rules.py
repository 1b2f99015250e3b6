"""Which fenced blocks of a Markdown file are run.

    ```console                    run, compared line by line
    ```console measured           run; the numbers are measured on the reader's machine and may differ
    ```console no-run REASON      not run here, counted as skipped by name

Blocks of other languages are left alone. The blocks of one file are run in their order in one scratch folder.
"""
import re
from dataclasses import dataclass

FENCE = re.compile(r"^(\s*)(`{3,})\s*(.*?)\s*$")


@dataclass
class Block:
    line: int  # of its first content line
    words: str  # "", "measured" or "no-run REASON"
    lines: list


def blocks(text):
    """The console blocks of a Markdown text, in order. Raises ValueError with the line for one that is malformed."""
    fence, block = None, None
    for number, line in enumerate(text.split("\n"), 1):
        match = FENCE.match(line)
        if fence is None:
            if match:
                fence, language = match[2], match[3]
                if language.split(" ")[0] == "console":
                    words = language[len("console"):].strip()
                    if not re.fullmatch(r"|measured|no-run \S.*", words):
                        raise ValueError(f"line {number}: 'console {words}': write console, console measured, or console no-run REASON")
                    block = Block(number + 1, words, [])
        elif match and match[2].startswith(fence) and not match[3]:
            if block:
                yield block
            fence, block = None, None
        elif block:
            block.lines.append(line)
    if fence:
        raise ValueError(f"line {number}: the last block is not closed")
