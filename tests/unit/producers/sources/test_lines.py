from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from producers.sources.lines import LineBuffer


def fed(*pieces: bytes) -> list[tuple[bytes, int]]:
    buffer = LineBuffer()
    return [line for piece in pieces for line in buffer.feed(piece)]


def test_joins_lines_from_pieces() -> None:
    assert fed(b"ab", b"c\r", b"\nde\n\r\nf") == [(b"abc", 5), (b"de", 3), (b"", 2)]


def test_only_line_feed_ends_a_line() -> None:
    assert fed("a\u2028b\x0bc\x85\rd\n".encode()) == [("a\u2028b\x0bc\x85\rd".encode(), 12)]


def test_unfinished_line_is_pending_and_readable() -> None:
    buffer = LineBuffer()
    assert list(buffer.feed(b"a\nbc")) == [(b"a", 2)]
    assert buffer.pending == 2
    assert buffer.rest() == (b"bc", 2)
    assert (buffer.pending, buffer.rest()) == (0, (b"", 0))


def test_truncates_too_long_line_and_skips_its_rest() -> None:
    buffer = LineBuffer()
    for _ in range(40):
        assert list(buffer.feed(b"x" * 65_536)) == []
    [(line, size), after] = buffer.feed(b"x\nok\n")
    assert (len(line), size, after) == (MAX_PAYLOAD_BYTES + 1, 40 * 65_536 + 2, (b"ok", 3))


@given(st.lists(st.binary(max_size=20)))
def test_result_does_not_depend_on_piece_boundaries(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    buffer = LineBuffer()
    lines = [line for piece in pieces for line in buffer.feed(piece)]
    assert lines == [(line.rstrip(b"\r"), len(line) + 1) for line in whole.split(b"\n")[:-1]]
    assert sum(size for _, size in lines) + buffer.pending == len(whole)
