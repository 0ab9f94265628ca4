"""Tokens: read from files or the environment, passed to clients, and never shown."""

from hashtide.secrets import one_word, read_secret
from hashtide.settings import WrongSetting
from producers.settings import ProducerSettings


def x_token(settings: ProducerSettings) -> str:
    """The bearer token for X. Reads the disk. Raises WrongSetting."""
    if settings.x_bearer_token is not None:
        token = settings.x_bearer_token.strip()
    elif settings.x_bearer_token_file is not None:
        token = read_secret("HASHTIDE_X_BEARER_TOKEN_FILE", settings.x_bearer_token_file).strip()
    else:
        raise WrongSetting("HASHTIDE_X_BEARER_TOKEN_FILE: must name a file with the bearer token of an X app")
    return one_word("HASHTIDE_X_BEARER_TOKEN", token)


def mastodon_tokens(settings: ProducerSettings) -> dict[str, str]:
    """The tokens of Mastodon instances by host. Reads the disk. Raises WrongSetting."""
    if settings.mastodon_tokens_file is None:
        return {}
    name = "HASHTIDE_MASTODON_TOKENS_FILE"
    tokens = {}
    for number, line in enumerate(read_secret(name, settings.mastodon_tokens_file).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise WrongSetting(f"{name}: line {number} must be `HOST TOKEN`")
        tokens[words[0]] = one_word(name, words[1])
    return tokens
