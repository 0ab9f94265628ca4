from pathlib import Path

import pytest

from hashtide.settings import WrongSetting
from producers.settings import ProducerSettings
from producers.sources.tokens import mastodon_tokens, x_token


def test_token_in_environment_takes_precedence_over_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert x_token(ProducerSettings(x_bearer_token_file=file)) == "from-file"
    assert x_token(ProducerSettings(x_bearer_token_file=file, x_bearer_token=" direct ")) == "direct"


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "naïve", " "])
def test_refuses_invalid_token_without_showing_it(token: str) -> None:
    with pytest.raises(WrongSetting, match=r"^HASHTIDE_X_BEARER_TOKEN: must hold a token") as refusal:
        x_token(ProducerSettings(x_bearer_token=token))
    assert token.strip() == "" or token not in str(refusal.value)


def test_error_names_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"HASHTIDE_X_BEARER_TOKEN_FILE=.*nowhere.*No such file"):
        x_token(ProducerSettings(x_bearer_token_file=tmp_path / "nowhere"))


def test_each_instance_has_its_own_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# Mastodon\na.example  abc\n\nb.example:8443 def\n")
    assert mastodon_tokens(ProducerSettings(mastodon_tokens_file=file)) == {"a.example": "abc", "b.example:8443": "def"}
    assert mastodon_tokens(ProducerSettings()) == {}


def test_error_names_invalid_line_by_number_only(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("a.example abc\nb.example\n")
    with pytest.raises(WrongSetting, match=r"^HASHTIDE_MASTODON_TOKENS_FILE: line 2 must be `HOST TOKEN`$"):
        mastodon_tokens(ProducerSettings(mastodon_tokens_file=file))
