"""Progress if stderr is not a terminal."""

from deploy.local.progress import plain_lines


def test_prints_line_at_start_and_at_each_quarter() -> None:
    lines: list[str] = []
    with plain_lines("jars", 8_000_000, lines.append) as advance:
        for _ in range(8):
            advance(1_000_000)
    assert lines == [
        "jars: 0.0 of 8.0 MB",
        "jars: 2.0 of 8.0 MB",
        "jars: 4.0 of 8.0 MB",
        "jars: 6.0 of 8.0 MB",
        "jars: 8.0 of 8.0 MB",
    ]


def test_prints_no_duplicate_line_after_failed_attempt() -> None:
    lines: list[str] = []
    with plain_lines("jars", 4_000_000, lines.append) as advance:
        for chunk in (2_000_000, -2_000_000, 2_000_000, 2_000_000):
            advance(chunk)
    assert lines == ["jars: 0.0 of 4.0 MB", "jars: 2.0 of 4.0 MB", "jars: 4.0 of 4.0 MB"]
