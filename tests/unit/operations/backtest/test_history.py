"""Files of counts: what is accepted, what is corrected, and the error for each invalid file."""

from pathlib import Path

import pytest

from operations.backtest.history import TimeSeries, WrongSeries, filled, on_grid, openmetrics, read

START = 1_929_908_573_000  # 2031-02-26T21:42:53Z


def written(folder: Path, *lines: str) -> Path:
    path = folder / "counts.csv"
    path.write_text("timestamp,value\n" + "".join(f"{line}\n" for line in lines))
    return path


def test_keeps_odd_seconds_of_timestamps(tmp_path: Path) -> None:
    path = written(tmp_path, "2031-02-26 21:42:53,5", "2031-02-26 21:47:53,7.5", "2031-02-26 21:52:53,0")
    assert read(path) == {START: 5.0, START + 300_000: 7.5, START + 600_000: 0.0}


def test_accepts_iso_8601_with_zone_and_unix_seconds(tmp_path: Path) -> None:
    path = written(tmp_path, "2031-02-26T22:42:53+01:00,5", "1929908873,7", "2031-02-26T21:52:53Z,1")
    assert read(path) == {START: 5.0, START + 300_000: 7.0, START + 600_000: 1.0}


def test_accepts_any_order_keeps_holes_and_last_duplicate_wins(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "2031-02-26 21:52:53,3",
        "2031-02-26 21:42:53,1",
        "2031-02-26 21:47:53,2",
        "2031-02-26 21:47:53,9",
        "2031-02-26 22:12:53,4",
    )
    assert dict(sorted(read(path).items())) == {
        START: 1.0,
        START + 300_000: 9.0,
        START + 600_000: 3.0,
        START + 1_800_000: 4.0,
    }


def test_sums_minutes_at_the_last_minute_of_each_interval() -> None:
    minutes = {60_000 * i: float(i) for i in range(11)}
    assert on_grid(minutes, "here") == {240_000: 0 + 1 + 2 + 3 + 4, 540_000: 5 + 6 + 7 + 8 + 9, 840_000: 10}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["2031-02-26 21:42:53"], "line 2: '2031-02-26 21:42:53' is not `timestamp,value`"),
        (["yesterday,1"], "line 2: 'yesterday' must be a time such as 2031-02-26 21:42:53"),
        (["2031-02-26 21:42:53,many"], "line 2: 'many' is not a count"),
        (["2031-02-26 21:42:53,-1"], "line 2: '-1' is not a count: it must be a number from 0 up"),
        (["2031-02-26 21:42:53,nan"], "line 2: 'nan' is not a count: it must be a number from 0 up"),
        (["2031-02-26 21:42:53,1"], "at least two lines"),
        (["2031-02-26 21:00,1", "2031-02-26 22:00,1"], "its interval is 3600 s. The rules read 5-minute counts"),
        (["2031-02-26 21:00,1", "2031-02-26 21:07,1"], "its interval is 420 s."),
        (["1,1", "301,1", "601,1", "99999999999,1"], "more than 2,000,000 intervals"),
    ],
)
def test_error_for_invalid_series_says_what_is_expected(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(WrongSeries) as error:
        read(written(tmp_path, *lines))
    assert said in str(error.value)


def test_fills_missing_counts_with_zero() -> None:
    assert filled({300_000: 4.0}, 0, 900_000) == {0: 0.0, 300_000: 4.0, 600_000: 0.0, 900_000: 0.0}


def test_escapes_label_values() -> None:
    series = TimeSeries("campaign:x:increase5m", (("campaign", 'a"b\\c\nd'),), {1_500: 2.0})
    assert "".join(openmetrics([series])) == (
        '# TYPE campaign:x:increase5m gauge\ncampaign:x:increase5m{campaign="a\\"b\\\\c\\nd"} 2.0 1.500\n# EOF\n'
    )
