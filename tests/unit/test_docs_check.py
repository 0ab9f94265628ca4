"""What the documentation names exists; and the checker that says so finds what does not."""

from pathlib import Path

import pytest

from tests import docs_check
from tests.paths import ROOT


@pytest.mark.parametrize("page", docs_check.pages(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_names_exists(page: Path) -> None:
    assert docs_check.check(page) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository: a page to link to, a file, a make target."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# Other\n\n## What `it` does\n\n## Twice\n\n## Twice\n")
    (tmp_path / "producers").mkdir()
    (tmp_path / "producers" / "run.py").touch()
    (tmp_path / "Makefile").write_text("BIN := .venv/bin\ntest: .venv/.made ## all tests\n")
    return tmp_path


def problems(root: Path, text: str) -> list[str]:
    page = root / "README.md"
    page.write_text(text)
    return [problem.what for problem in docs_check.check(page, root)]


@pytest.mark.parametrize(
    "text",
    [
        "[other](docs/other.md), [a part](docs/other.md#what-it-does), [again](docs/other.md#twice-1), [far](https://a.b)",
        "# Here\n[above](#here)",
        "`hashtide produce file posts.jsonl --jobs 2 | tee account` and `hashtide dlq list|show`",
        "```\nhashtide counts --by language --interval 1h      # a comment --of words\n```",
        "    hashtide dlq list --each          one line a letter, --with its id",
        '```\neval "$(hashtide up --secure)" && HASHTIDE_PARTITIONS=8 hashtide setup --add-partitions\n```',
        "`hashtide verify --from ...`, `produce x --backfill-minutes`, `hashtide COMMAND --help`",
        "`make test ARGS='-k frozen'`, `make PYTHON=python3.12 test`",
        "`producers/run.py`, `producers/*.py`, `producers/NAME.py`, `kubectl exec deploy/worker -- hashtide doctor`",
        "`HASHTIDE_KAFKA`, `HASHTIDE_RETENTION_…_DAYS`, `HASHTIDE_KIBANA_*`, `hashtide_batches_let_go_total`",
        "```\n[not a link](nowhere.md) and producers/none.py in code that is shown\n```",
    ],
)
def test_what_exists_is_no_problem(root: Path, text: str) -> None:
    assert problems(root, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[other](docs/another.md)", "link to docs/another.md: no such file"),
        ("![picture](docs/img/none.png)", "link to docs/img/none.png: no such file"),
        ("[other](docs/other.md#what-it-did)", "link to docs/other.md#what-it-did: no such heading"),
        ("[other](docs/other.md#twice-2)", "link to docs/other.md#twice-2: no such heading"),
        ("# Here\n[above](#there)", "link to #there: no such heading"),
        ("see docs/another.md", "link to docs/another.md: no such file"),
        ("[a text over\ntwo lines](docs/another.md)", "link to docs/another.md: no such file"),
        ("`hashtide\nnothing`", "`hashtide nothing`: hashtide: there is no command 'nothing'"),
        ("[out](../elsewhere)", "link to ../elsewhere: no such file"),
        ("`hashtide nothing`", "`hashtide nothing`: hashtide: there is no command 'nothing'"),
        ("`hashtide dlq list|burn`", "`hashtide dlq list|burn`: hashtide dlq: there is no command 'burn'"),
        ("`hashtide doctor --fast`", "`hashtide doctor --fast`: hashtide doctor: No such option: --fast"),
        ("`hashtide counts --by mood`", "`hashtide counts --by mood`: hashtide counts: --by can't be 'mood'"),
        ("`hashtide doctor now`", "`hashtide doctor now`: hashtide doctor: 'now' is one argument too many"),
        ("`produce x --quickly`", "`produce x --quickly`: hashtide produce x: No such option: --quickly"),
        ("    hashtide up --loud", "`hashtide up --loud`: hashtide up: No such option: --loud"),
        ("```\na && hashtide up --loud\n```", "`hashtide up --loud`: hashtide up: No such option: --loud"),
        ("`make toast`", "`make toast`: no target toast"),
        ("`python -m producers.nothing`", "`python -m producers.nothing`: no such module"),
        ("`producers/none.py`", "`producers/none.py`: no such file"),
        ("`cat producers/none/*.py`", "`producers/none/*.py`: no such file"),
        ("`HASHTIDE_KAFFKA`", "HASHTIDE_KAFFKA is not a setting"),
        ("`hashtide_nothing_total`", "hashtide_nothing_total is not a metric"),
    ],
)
def test_what_does_not_exist_is_named(root: Path, text: str, problem: str) -> None:
    assert problems(root, text) == [problem]


def test_a_problem_has_its_page_and_line(root: Path) -> None:
    page = root / "docs" / "page.md"
    page.write_text("# Page\n\n[gone](gone.md)\n")
    assert [str(problem) for problem in docs_check.check(page, root)] == [
        "docs/page.md:3: link to gone.md: no such file"
    ]
