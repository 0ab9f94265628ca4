from producers.wanted import Terms, Wanted


def test_requests_tags_that_differ_in_case_once() -> None:
    terms = (Terms("a", ("MeToo", "MoiAussi", "METOO"), (), ()), Terms("b", ("metoo", "ＭｅＴｏｏ", "ЯТоже"), (), ()))
    assert Wanted(terms, lambda post: True).tags() == ("MeToo", "MoiAussi", "ＭｅＴｏｏ", "ЯТоже")
