"""The enrich step: replaces a post's text with tags. The text is kept only when texts are stored."""

from hashtide.contract.messages import Post
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.domain.language import Languages
from stream_jobs.domain.region import Regions
from stream_jobs.enriched import EnrichedPost, Kind


class Enricher:
    """Tags posts."""

    def __init__(
        self,
        campaigns: Campaigns,
        languages: Languages,
        regions: Regions,
        *,
        repair_hashtags: bool = False,
        store_text: bool = False,
    ) -> None:
        self._campaigns, self._repair, self._store_text = campaigns, repair_hashtags, store_text
        self._languages, self._regions = languages, regions

    def use(self, campaigns: Campaigns) -> None:
        """Use these campaigns from now on."""
        self._campaigns = campaigns

    def enrich(self, post: Post, edited_at_ms: int | None = None) -> EnrichedPost:
        """The post with its tags. Pure. Never raises for a post that passed the contract's validation."""
        tags = hashtags.of_post(post, repair=self._repair)
        language = self._languages.tag(post.text, post.lang, post.lang_by)
        why = {match.campaign: match.why for match in self._campaigns.match(post, tags)}
        region = self._regions.tag(post.coordinates, post.place_country, post.location)
        return EnrichedPost(
            platform=post.platform,
            post_id=post.post_id,
            created_at_ms=post.created_at_ms,
            time_by=post.time_by,
            kind=kind_of(post),
            in_reply_to=post.in_reply_to,
            answers_root=any("root-reply" in reasons for reasons in why.values()),
            hashtags=tags,
            campaigns=tuple(sorted(why)),
            why=why,
            language=language.code,
            language_source=language.source,
            language_confidence=round(language.confidence, 4),
            language_claimed=language.claimed,
            region=region.code,
            region_source=region.source,
            region_confidence=region.confidence,
            author=post.author,
            origin=post.origin,
            edited_at_ms=edited_at_ms,
            text=post.text if self._store_text else None,
        )


def kind_of(post: Post) -> Kind:
    """The one kind of a post. A repost of anything is a repost; a reply that quotes is a reply."""
    if post.reposted is not None:
        return "repost"
    if post.in_reply_to is not None:
        return "reply"
    if post.quoted is not None:
        return "quote"
    return "original"
