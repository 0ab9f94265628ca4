"""Accuracy of the tags: `python -m benchmarks.quality` prints the tables and writes them to docs/quality.md."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from benchmarks.quality import sets
from stream_jobs.domain.detector import LANGUAGES
from stream_jobs.domain.language import SURE_ENOUGH, UNDETERMINED, clean, normal_code
from stream_jobs.domain.region import NOWHERE, Regions
from stream_jobs.loading import load_languages, load_profiles, load_regions

DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> None:
    measured = "\n\n".join((languages(), regions()))
    print(measured)
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}", encoding="utf-8")
    print(f"\nwritten to {DOCUMENT}", file=sys.stderr)


def languages() -> str:
    """A table of the steps from the bare detector to the product, on whole posts, parts of posts, and junk."""
    posts, junk = sets.languages(), sets.junk()
    inputs = {"posts": posts, "5 words": pieces(posts, 5), "3 words": pieces(posts, 3)}
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def bare(text: str) -> str:
        code, confidence = model.classify(text)
        return str(code) if confidence >= SURE_ENOUGH else UNDETERMINED

    def tagged(text: str) -> str:
        return shipped.tag(text, None).code

    rows = [language_row("py3langid, all its languages, raw text", bare, inputs, junk)]
    rows.append(language_row("cleaned text", lambda text: bare(clean(text)), inputs, junk))
    model.set_languages(LANGUAGES)
    rows.append(language_row(f"{len(LANGUAGES)} languages", lambda text: bare(clean(text)), inputs, junk))
    shipped = load_languages()
    rows.append(language_row("phrases with word boundaries and prior: as shipped", tagged, inputs, junk))
    heads = [f"{name} ({len(cases):,})" for name, cases in inputs.items()]
    spoken = len({label for label, _ in posts})
    return "\n".join(
        (
            f"Language, {spoken} languages: answered / of these correct / of these correct as English or not",
            "",
            *table(("step", *heads, f"junk answered ({len(junk)})"), rows),
        )
    )


def language_row(
    step: str, tag: Callable[[str], str], inputs: dict[str, list[tuple[str, str]]], junk: list[str]
) -> tuple[str, ...]:
    cells = [step]
    for cases in inputs.values():
        answers = [(normal_code(label), normal_code(tag(text))) for label, text in cases]
        answers = [(label, answer) for label, answer in answers if answer != UNDETERMINED]
        right = sum(same_language(label, answer) for label, answer in answers)
        english = sum((label == "en") == (answer == "en") for label, answer in answers)
        cells.append(f"{len(answers) / len(cases):.1%} / {right / len(answers):.1%} / {english / len(answers):.1%}")
    return (*cells, f"{sum(tag(text) != UNDETERMINED for text in junk) / len(junk):.1%}")


def same_language(label: str, answer: str) -> bool:
    """Whether two codes match. Norwegian's two written forms count as one language."""
    return label == answer or {label, answer} <= {"nb", "nn"}


def pieces(posts: Iterable[tuple[str, str]], size: int) -> list[tuple[str, str]]:
    """All runs of `size` words, starting every two words: many posts are this short."""
    found = []
    for label, text in posts:
        words = clean(text).split()
        found += [(label, " ".join(words[start : start + size])) for start in range(0, len(words) - size + 1, 2)]
    return found


def regions() -> str:
    """A table of the accuracy for points and profiles, by the kind of name found."""
    known = load_regions()
    cases = sets.profiles()
    places = [(label, text) for label, text in cases if label != "-"]
    rows = [
        region_row("points", [(label, known.tag(point, None, None).code or "-") for label, point in sets.points()]),
        region_row("profiles", [(label, known.tag(None, None, text).code or "-") for label, text in cases]),
    ]
    worth = {3: "names a country", 4: "two names agree", 2: "a large city or a state", 1: "a smaller city"}
    profiles = load_profiles()
    found = [(label, profiles.country(text)) for label, text in places]
    for value, name in worth.items():
        answers = [(label, answer[0]) for label, answer in found if answer is not None and answer[1] == value]
        if answers:
            rows.append(region_row(f"profiles: {name}", answers))
    rows.append(
        region_row(
            "profiles: no place, or several",
            [(label, tag_or_none(known, text)) for label, text in cases if label == "-"],
        )
    )
    return "\n".join(("Region", "", *table(("set", "cases", "answered", "of these correct"), rows)))


def tag_or_none(known: Regions, text: str) -> str:
    tag = known.tag(None, None, text)
    return "-" if tag == NOWHERE or tag.code is None else tag.code


def region_row(name: str, answers: list[tuple[str, str]]) -> tuple[str, ...]:
    given = [(label, answer) for label, answer in answers if answer != "-"]
    right = sum(label == answer for label, answer in given)
    share = f"{right / len(given):.1%}" if given else "no answers"
    return (name, f"{len(answers)}", f"{len(given) / len(answers):.1%}", share)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]


if __name__ == "__main__":
    main()
