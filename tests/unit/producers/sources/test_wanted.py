from producers.wanted import Terms, Wanted


def test_tags_that_differ_in_capitals_alone_are_asked_for_once() -> None:
    terms = (Terms("a", ("MeToo", "MoiAussi", "METOO"), (), ()), Terms("b", ("metoo", "ＭｅＴｏｏ", "ЯТоже"), (), ()))
    assert Wanted(terms, lambda post: True).tags() == ("MeToo", "MoiAussi", "ＭｅＴｏｏ", "ЯТоже")
