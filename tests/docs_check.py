"""Check the documentation against the tree: `python -m tests.docs_check`, or `make docs`.

For each page: relative links and their anchors, `hashtide` command lines, `make` targets, `python -m` modules,
repository paths, settings and metrics. What a page names must exist. Nothing is run and nothing is fetched.
"""

import functools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from benchmarks import metrics_page
from hashtide.settings import described
from operations.cli.main import COMMANDS, cli
from operations.settings import KINDS
from tests.paths import ROOT

FOLDERS: Final = ("hashtide", "producers", "stream_jobs", "operations", "deploy", "tests", "benchmarks", "docs", ".ci")
"""Top-level folders: a word in code that begins with one of them and `/` is a path of the repository."""

OF_TESTS: Final = frozenset({"HASHTIDE_CHAOS_SEED", "HASHTIDE_FUZZ"})
"""Variables that only tests read: no command has them as a setting."""

YOURS: Final = frozenset({"deploy/kubernetes/overlays/mine"})
"""Paths that a page tells its reader to create."""

_FENCE: Final = re.compile(r"^\s*(```|~~~)")
_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n\s*\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_PAGE: Final = re.compile(r"(?<![\w/(.#-])docs/[\w/-]+\.md(?:#[\w-]+)?")
_SETTING: Final = re.compile(r"(?<!\w)HASHTIDE_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_*…]|\.\.\.)")
_METRIC: Final = re.compile(r"(?<![\w:])hashtide_[a-z_]+_(?:total|seconds|records|messages|partitions)(?![\w])")
_TARGET: Final = re.compile(r"^([.\w/-]+):(?!=)", re.MULTILINE)
_COMMAND: Final = re.compile(
    r"(?:^|[;|]\s*|&&\s*|\|\|\s*|\$\(|(?<=\s)--\s+)(?:[$>]\s+)?(?:[A-Z_]+=\S*\s+)*(hashtide|make|python3? -m)(?= \S)"
)
_END: Final = re.compile(r"\s+#|\s{2,}|\s+(?:[|&<>;]|\|\||&&)|[;)]|&&|\s→")


class Problem(NamedTuple):
    """Something that a page names but that does not exist."""

    page: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.what}"


class _Line(NamedTuple):
    number: int
    text: str
    is_code: bool


def pages(root: Path) -> list[Path]:
    """Every page that is checked."""
    own = [root / "README.md", root / "CONTRIBUTING.md", root / "tests" / "README.md"]
    return [page for page in own if page.exists()] + sorted((root / "docs").rglob("*.md"))


def check(page: Path, root: Path = ROOT) -> list[Problem]:
    """The problems of a page, in page order. Reads the page and the pages it links to."""
    found: list[Problem] = []

    def note(number: int, problems: Iterator[str]) -> None:
        found.extend(Problem(page.relative_to(root), number, what) for what in problems)

    lines = list(_lines(page.read_text(encoding="utf-8")))
    for line in lines:
        note(line.number, _names(line.text, page, root))
        if line.is_code:
            note(line.number, _commands(line.text.strip(), root, is_span=False))
    # Spans and links may continue on the next line, so text outside code is read as a whole.
    prose = "\n".join("" if line.is_code else line.text for line in lines)
    for span in _SPAN.finditer(prose):
        note(prose.count("\n", 0, span.start()) + 1, _span(" ".join(span[2].split()), root))
    without_spans = _SPAN.sub(lambda span: re.sub("[^\n]", " ", span[0]), prose)
    for link in _LINK.finditer(without_spans):
        note(prose.count("\n", 0, link.start()) + 1, _link(link[1] or link[2], page, root))
    return sorted(dict.fromkeys(found), key=lambda problem: problem.line)


def command_problem(words: str) -> str | None:
    """The problem with the words after `hashtide`; None if the command line can be parsed.

    Words in capitals, `...` and words in brackets are placeholders.
    """
    try:
        args = shlex.split(words)
    except ValueError as error:
        return str(error)
    command: click.Command = cli
    ctx = click.Context(command, info_name="hashtide")
    name = "hashtide"
    while True:
        try:
            values, rest, _ = command.make_parser(ctx).parse_args(list(args))
        except click.UsageError as error:
            return f"{name}: {error.format_message()}"
        for param in command.params:
            for value in _given(values.get(param.name or "")):
                if isinstance(param.type, click.Choice) and not _is_placeholder(value):
                    wrong = [each for each in value.split("|") if each not in param.type.choices]
                    if wrong:
                        return f"{name}: {param.opts[0]} can't be {wrong[0]!r}"
        if not isinstance(command, click.Group) or not rest or _is_placeholder(rest[0]):
            extra = [] if isinstance(command, click.Group) else [each for each in rest if not _is_placeholder(each)]
            return f"{name}: {extra[0]!r} is one argument too many" if extra else None
        first, *others = rest[0].split("|")
        for other in others:
            if problem := command_problem(shlex.join([*name.split()[1:], other])):
                return problem
        found = command.get_command(ctx, first)
        if found is None:
            return f"{name}: there is no command {first!r}"
        command, args, name = found, rest[1:], f"{name} {first}"
        ctx = click.Context(command, parent=ctx, info_name=first)


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub creates them."""
    found: set[str] = set()
    for line in _lines(text):
        if not line.is_code and (heading := _HEADING.match(line.text)):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
            base = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            slug, number = base, 0
            while slug in found:
                number += 1
                slug = f"{base}-{number}"
            found.add(slug)
    return found


def _lines(text: str) -> Iterator[_Line]:
    """Each line, and whether it is code: in a fence, or indented by four after a blank line or other code."""
    fenced, before = False, _Line(0, "", is_code=False)
    for number, raw in enumerate(text.splitlines(), 1):
        if _FENCE.match(raw):
            fenced = not fenced
            before = _Line(number, "", is_code=False)
            yield before
            continue
        indented = raw.startswith("    ") and (before.is_code or not before.text.strip())
        before = _Line(number, raw, is_code=fenced or indented)
        yield before


def _link(target: str, page: Path, root: Path) -> Iterator[str]:
    if not re.match(r"[a-z]+:", target):
        yield from _broken(target, page.parent, page, root)


def _broken(target: str, base: Path, page: Path, root: Path) -> Iterator[str]:
    path, _, anchor = target.partition("#")
    at = (base / path).resolve() if path else page
    if not at.exists():
        yield f"link to {target}: no such file"
    elif not at.is_relative_to(root.resolve()):
        yield f"link to {target}: outside of the repository"
    elif anchor and (at.suffix != ".md" or anchor not in slugs(at.read_text(encoding="utf-8"))):
        yield f"link to {target}: no such heading"


def _names(text: str, page: Path, root: Path) -> Iterator[str]:
    """Pages, settings and metrics, wherever they are named."""
    for named in _PAGE.findall(text):
        yield from _broken(named, root, page, root)
    for name in _SETTING.findall(text):
        if name not in _settings() | OF_TESTS:
            yield f"{name} is not a setting"
    for name in _METRIC.findall(text):
        if name not in _metrics():
            yield f"{name} is not a metric"


def _span(text: str, root: Path) -> Iterator[str]:
    yield from _commands(text, root, is_span=True)
    if not text.startswith("kubectl "):  # whose deploy/NAME is a Deployment
        for word in text.split():
            yield from _path(word.strip(",;:()'\""), root)


def _commands(text: str, root: Path, *, is_span: bool) -> Iterator[str]:
    for found in _COMMAND.finditer(text):
        rest = text[found.end() :].lstrip()
        # In a span, alternatives have no blanks around the bar, so whole table cells are read too.
        end = _END.search(rest)
        words = (rest[: end.start()] if end else rest).strip().removesuffix("\\").strip()
        if found[1] == "hashtide":
            if problem := command_problem(_completed(words) if is_span else words):
                yield f"`hashtide {words}`: {problem}"
        elif found[1] == "make":
            for word in words.split():
                if "=" not in word and word != "..." and word not in _targets(root):
                    yield f"`make {words}`: no target {word}"
                if "=" in word:  # ARGS='-k frozen': the value may contain blanks
                    break
        else:
            yield from _module(words.split()[0], root)
    first, _, more = text.partition(" ")
    if is_span and first in COMMANDS and more and (problem := command_problem(_completed(text))):
        yield f"`{text}`: {problem}"


def _completed(words: str) -> str:
    """The words of a span, with a value added after a final option: a sentence may name an option without its value."""
    return f"{words} VALUE" if words.rpartition(" ")[2].startswith("--") else words


def _module(name: str, root: Path) -> Iterator[str]:
    at = root / name.replace(".", "/")
    if name.split(".")[0] in FOLDERS and not (at.with_suffix(".py").exists() or (at / "__main__.py").exists()):
        yield f"`python -m {name}`: no such module"


def _path(word: str, root: Path) -> Iterator[str]:
    word = word.partition("::")[0]
    if word.split("/")[0] not in FOLDERS or "/" not in word or "…" in word or "..." in word or word in YOURS:
        return
    pattern = re.sub(r"(?<![A-Za-z])[A-Z]{3,}(?![A-Za-z])(?!\.md)", "*", word.rstrip("/."))
    if not (root / word).exists() and not ("*" in pattern and list(root.glob(pattern))):
        yield f"`{word}`: no such file"


def _given(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str)]


def _is_placeholder(word: str) -> bool:
    return word == "..." or word.startswith("[") or (word.upper() == word and any(map(str.isalpha, word)))


@functools.cache
def _settings() -> frozenset[str]:
    return frozenset(setting.name for kind in KINDS for setting in described(kind))


@functools.cache
def _metrics() -> frozenset[str]:
    return frozenset(
        name for _, _, modules in metrics_page.PROCESSES for mod in modules for name, *_ in metrics_page.of(mod)
    )


@functools.cache
def _targets(root: Path) -> frozenset[str]:
    return frozenset(_TARGET.findall((root / "Makefile").read_text(encoding="utf-8")))


def main() -> None:
    """Print every problem; the exit status is 1 if there is any."""
    checked = pages(ROOT)
    problems = [problem for page in checked for problem in check(page)]
    print("\n".join(map(str, problems)) or f"{len(checked)} pages: everything that they name is there")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
