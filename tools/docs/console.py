"""Console transcripts that are run and compared: the documentation's ```console blocks and tests/cli/*.txt.

    $ loco fit model.gguf --ram 8GB          a command, run by bash in the transcript's own folder
    > --context 4096                         goes on with the command above (also here-documents)
    weights  Q4_K_M   2.49 GB   exact        what it prints, stdout and stderr as they come
    …                                        alone in a line (or ...): any number of lines, also none
    report written to … in 3 s               inside a line: any text
    exit 3                                   the exit status; without such a line it must be 0

Blanks at the ends of lines and blank lines at the end of the output do not count. In a transcript that is `measured`,
times and speeds differ from machine to machine: every number stands for any number, and every run of blanks for any
run of blanks (a number of another width moves the columns).
"""
import difflib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field

NUMBER = r"\d[\d,]*(?:\.\d+)?"
ANY_LINES = ("…", "...")
# Sanitizers make everything slower by a factor that ./check knows.
TIME_LIMIT = 900 * int(os.environ.get("LOCO_TIME_FACTOR", "1"))  # seconds; a command that hangs is a failure, not a reason to wait for ever
# The data that a user of the checkout or of a package has at hand.
DATA = ("policies", "tasks", "catalog", "models", "recipes")


@dataclass
class Step:
    """One command with what it must print and its exit status."""
    line: int
    command: str
    expected: list = field(default_factory=list)
    exit_code: int = 0


def parse(lines, first_line=1):
    """The steps of a transcript. Lines before the first command, and # lines just before a command, are comments."""
    steps = []
    for number, line in enumerate(lines, first_line):
        line = line.rstrip()
        if line.startswith("$ "):
            while steps and steps[-1].expected and steps[-1].expected[-1].startswith("#"):
                steps[-1].expected.pop()
            steps.append(Step(number, line[2:]))
        elif steps and line.startswith("> ") and not steps[-1].expected:
            steps[-1].command += "\n" + line[2:]
        elif steps and line == ">" and not steps[-1].expected:
            steps[-1].command += "\n"
        elif steps:
            steps[-1].expected.append(line)
    for step in steps:
        step.expected = trimmed(step.expected)
        match = re.fullmatch(r"exit (\d+)", step.expected[-1]) if step.expected else None
        if match:
            step.exit_code = int(match[1])
            step.expected = trimmed(step.expected[:-1])
    return steps


def trimmed(lines):
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def line_pattern(line, measured):
    """The regular expression of one expected line."""
    parts = []
    for part in re.split(rf"(…|{NUMBER}|\s+)" if measured else "(…)", line):
        if part == "…":
            parts.append(".*?")
        elif measured and re.fullmatch(NUMBER, part):
            parts.append(NUMBER)
        elif measured and part.isspace():
            parts.append(r"\s+")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


def matches(expected, actual, measured=False):
    """Whether the actual lines are what the expected ones describe."""
    # reachable: how many actual lines the expected ones read so far can have used up.
    reachable = {0}
    for line in expected:
        if line.strip() in ANY_LINES:
            reachable = set(range(min(reachable), len(actual) + 1)) if reachable else set()
            continue
        pattern = line_pattern(line, measured)
        reachable = {i + 1 for i in reachable if i < len(actual) and pattern.fullmatch(actual[i])}
    return len(actual) in reachable


def difference(expected, actual):
    return "\n".join(difflib.unified_diff(expected, actual, "expected", "printed", lineterm="", n=2))


class Scratch:
    """A folder of its own with the project's data, a home and a PATH that begins with the built loco."""

    def __init__(self, root, bin_folder):
        self.folder = tempfile.mkdtemp(prefix="loco-console.")
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        for name in DATA:
            source = os.path.join(root, name)
            if os.path.isdir(source):
                # Links to the files, in folders of our own: new files stay here and nothing large is copied.
                shutil.copytree(source, os.path.join(self.work, name),
                                copy_function=lambda a, b: os.symlink(os.path.abspath(a), b))
        home = os.path.join(self.folder, "home")
        os.mkdir(home)
        kept = {name: value for name, value in os.environ.items()
                if name in ("LOCO_SHARED", "LOCO_ROOT") or name.endswith("SAN_OPTIONS")}
        self.environment = {"HOME": home, "LANG": "C.UTF-8", "TERM": "dumb", "TMPDIR": self.folder,
                            "PATH": f"{os.path.abspath(bin_folder)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **kept}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command):
        """(lines printed, exit status) of a command; the status is None when it had to be killed."""
        process = subprocess.Popen(["bash", "-c", command], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=TIME_LIMIT)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
        # Temporary paths differ from run to run; a transcript writes what the reader would type.
        text = output.decode("utf-8", "replace").replace(self.work + "/", "").replace(self.folder, "/tmp/scratch")
        return trimmed(text.split("\n")), status


@dataclass
class Outcome:
    """What a step printed, and how that differs from what was expected (None: it does not)."""
    complaint: str
    printed: list
    status: int


def check(step, scratch, measured=False):
    """Runs one step and compares."""
    printed, status = scratch.run(step.command)
    if status is None:
        return Outcome(f"did not end within {TIME_LIMIT} s\n" + "\n".join(printed[-5:]), printed, status)
    complaints = []
    if not matches(step.expected, printed, measured):
        complaints.append(difference(step.expected, printed))
    if status != step.exit_code:
        if not complaints:
            complaints.extend(printed[-5:])
        complaints.append(f"exit {status}, expected exit {step.exit_code}")
    return Outcome("\n".join(complaints) or None, printed, status)
