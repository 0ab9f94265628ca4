"""Loads what tagging needs: campaigns, the language model, and the place tables. Reads files."""

import tomllib
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from hashtide.settings import WrongSetting
from stream_jobs.data.places import country_of_zone, read_table
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaign, Campaigns, WrongCampaign
from stream_jobs.domain.detector import Detector
from stream_jobs.domain.enrich import Enricher
from stream_jobs.domain.language import Languages
from stream_jobs.domain.profile import Profiles
from stream_jobs.domain.region import Regions
from stream_jobs.domain.text import words
from stream_jobs.settings import StreamSettings


def load_enricher(campaigns: Campaigns, *, repair_hashtags: bool = False, store_text: bool = False) -> Enricher:
    """The enricher. Reads files: about 1 s, 75 MB."""
    return Enricher(campaigns, load_languages(), load_regions(), repair_hashtags=repair_hashtags, store_text=store_text)


def load_languages() -> Languages:
    """The language tagger. Reads the language model: 0.7 s, 55 MB."""
    return Languages(load_detector())


def load_detector() -> Detector:
    """The language detector. Reads its model file."""
    return Detector(LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))


def load_regions() -> Regions:
    """The country tagger. Reads the place name table: 0.2 s, 20 MB."""
    return Regions(load_profiles(), country_of_zone())


def load_profiles() -> Profiles:
    """The finder of countries in profile texts. Reads the place name table."""
    return Profiles(read_table())


def load_campaigns(settings: StreamSettings, called: Callable[[str, str], str]) -> Campaigns:
    """The campaigns of HASHTIDE_CAMPAIGNS, or the packaged example if unset. `called`: as for Campaigns. Reads files.
    Raises WrongSetting, WrongCampaign."""
    if settings.campaigns is None:
        return Campaigns(packaged_campaigns(), called)
    if not settings.campaigns.exists():
        raise WrongSetting(f"HASHTIDE_CAMPAIGNS={str(settings.campaigns)!r}: no such file or folder")
    return Campaigns(read_campaigns(settings.campaigns), called)


def packaged_campaigns() -> tuple[Campaign, ...]:
    """The packaged example: #MeToo, October 2017. Reads a file."""
    with as_file(files("stream_jobs.data") / "campaigns" / "metoo.toml") as path:
        return read_campaigns(path)


def read_campaigns(path: Path) -> tuple[Campaign, ...]:
    """The campaigns of a TOML file, or of all *.toml in a folder, sorted by file name. Reads files. Raises
    WrongCampaign."""
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise WrongCampaign(f"{path}: no *.toml in this folder")
    campaigns: dict[str, Campaign] = {}
    for file in files:
        campaign = _read(file)
        if campaign.name in campaigns:
            raise WrongCampaign(f"{file}: name: {campaign.name!r} is already used by another file")
        campaigns[campaign.name] = campaign
    return tuple(campaigns.values())


def _read(file: Path) -> Campaign:
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        campaign = msgspec.convert(values, Campaign)
    except OSError as error:
        raise WrongCampaign(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongCampaign(f"{file}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise WrongCampaign(f"{file}: {_key_and_problem(error)}") from None
    for key, tags in (("tags", campaign.tags), ("counter_tags", campaign.counter_tags)):
        for tag in tags:
            if hashtags.extract("#" + tag.lstrip("#＃")) != (tag.lstrip("#＃"),):
                raise WrongCampaign(f"{file}: {key}: {tag!r} is not a valid hashtag")
    for phrase in campaign.phrases:
        if not words(phrase).strip():
            raise WrongCampaign(f"{file}: phrases: {phrase!r} must contain a word")
    if not (
        campaign.roots or campaign.tags or campaign.counter_tags or (campaign.phrases and campaign.phrases_anywhere)
    ):
        raise WrongCampaign(f"{file}: must have tags or roots, or phrases with phrases_anywhere = true")
    return campaign


def _key_and_problem(error: msgspec.ValidationError) -> str:
    problem, _, where = str(error).partition(" - at `$.")
    return f"{where.rstrip('`')}: {problem}" if where else problem
