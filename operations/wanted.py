"""What the producers must request from platforms, by the campaigns."""

import os

from hashtide.settings import load
from producers.wanted import Terms, Wanted
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import unhashed_id
from stream_jobs.loading import load_campaigns
from stream_jobs.settings import StreamSettings


def wanted() -> Wanted:
    """The campaigns' search terms, and whether they match a post. Reads files. Raises WrongSetting, WrongCampaign."""
    campaigns = load_campaigns(load(StreamSettings, os.environ), unhashed_id)
    return Wanted(
        campaigns=tuple(
            Terms(each.name, each.tags + each.counter_tags, each.phrases if each.phrases_anywhere else (), each.roots)
            for each in campaigns.all
        ),
        matches=lambda post: bool(campaigns.match(post, hashtags.of_post(post))),
    )
