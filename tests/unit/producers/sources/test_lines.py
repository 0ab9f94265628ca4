from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from producers.sources.lines import LineBuffer


def fed(*pieces: bytes) -> list[tuple[bytes, int]]:
    buffer = LineBuffer()
    return [line for piece in pieces for line in buffer.feed(piece)]


def test_lines_come_whole_however_the_pieces_fall() -> None:
    assert fed(b"ab", b"c\r", b"\nde\n\r\nf") == [(b"abc", 5), (b"de", 3), (b"", 2)]


def test_only_line_feeds_end_lines() -> None:
    assert fed("a\u2028b\x0bc\x85\rd\n".encode()) == [("a\u2028b\x0bc\x85\rd".encode(), 12)]


def test_what_has_no_end_yet_is_pending_and_can_be_had_as_it_is() -> None:
    buffer = LineBuffer()
    assert list(buffer.feed(b"a\nbc")) == [(b"a", 2)]
    assert buffer.pending == 2
    assert buffer.rest() == (b"bc", 2)
    assert (buffer.pending, buffer.rest()) == (0, (b"", 0))


def test_a_line_that_is_too_long_is_cut_and_its_rest_passed_over() -> None:
    buffer = LineBuffer()
    for _ in range(40):
        assert list(buffer.feed(b"x" * 65_536)) == []
    [(line, size), after] = buffer.feed(b"x\nok\n")
    assert (len(line), size, after) == (MAX_PAYLOAD_BYTES + 1, 40 * 65_536 + 2, (b"ok", 3))


@given(st.lists(st.binary(max_size=20)))
def test_how_the_pieces_fall_changes_nothing(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    buffer = LineBuffer()
    lines = [line for piece in pieces for line in buffer.feed(piece)]
    assert lines == [(line.rstrip(b"\r"), len(line) + 1) for line in whole.split(b"\n")[:-1]]
    assert sum(size for _, size in lines) + buffer.pending == len(whole)
