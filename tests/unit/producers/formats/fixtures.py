"""Payloads in the platforms' formats and sizes, with invented people and texts. Tests change single fields."""

import json
from typing import Any, TypeVar

from hashtide.contract.reasons import InvalidPost
from producers import formats

Json = dict[str, Any]


def line(payload: Any) -> bytes:
    """The payload as platforms write it: one line, without blanks, minimal escaping."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


T = TypeVar("T")


def only(payload: Any, format: str, kind: type[T]) -> T:
    """The payload's only outcome in this format; it must be of this kind."""
    outcomes = formats.parse(payload if isinstance(payload, bytes) else line(payload), format)
    assert [type(outcome) for outcome in outcomes] == [kind], outcomes
    outcome = outcomes[0]
    assert isinstance(outcome, kind)
    return outcome


def reason(payload: Any, format: str) -> str:
    """The reason why the whole payload is refused."""
    return only(payload, format, InvalidPost).reason


NATIVE: Json = {
    "id": "919660000000000001",
    "text": "Me too. It took me eleven years to write these two words. #MeToo",
    "created_at": "2017-10-15T20:41:07Z",
    "platform": "x",
    "lang": "en",
    "author_id": "77001",
    "location": "Porto, Portugal",
    "place_country": "PT",
    "coordinates": [-8.61, 41.15],
    "in_reply_to": "919659438700670976",
    "conversation_id": "919659438700670976",
    "quoted": None,
    "reposted": None,
}

_X_V1_USER: Json = {
    "id": 77001000000000000,
    "id_str": "77001000000000001",
    "name": "Ines Invented",
    "screen_name": "ines_invented",
    "location": "Porto, Portugal",
    "url": "https://t.co/aaaaaaaaaa",
    "description": "Teacher, reader, walker of long ways. All that I write here is made up for a test.",
    "translator_type": "none",
    "protected": False,
    "verified": False,
    "followers_count": 211,
    "friends_count": 187,
    "listed_count": 3,
    "favourites_count": 1022,
    "statuses_count": 4711,
    "created_at": "Mon Mar 02 10:11:12 +0000 2009",
    "utc_offset": None,
    "time_zone": None,
    "geo_enabled": True,
    "lang": "en",
    "contributors_enabled": False,
    "is_translator": False,
    "profile_background_color": "C0DEED",
    "profile_background_image_url": "http://abs.twimg.com/images/themes/theme1/bg.png",
    "profile_background_image_url_https": "https://abs.twimg.com/images/themes/theme1/bg.png",
    "profile_background_tile": False,
    "profile_link_color": "1DA1F2",
    "profile_sidebar_border_color": "C0DEED",
    "profile_sidebar_fill_color": "DDEEF6",
    "profile_text_color": "333333",
    "profile_use_background_image": True,
    "profile_image_url": "http://pbs.twimg.com/profile_images/77001/aaaa_normal.jpg",
    "profile_image_url_https": "https://pbs.twimg.com/profile_images/77001/aaaa_normal.jpg",
    "default_profile": True,
    "default_profile_image": False,
    "following": None,
    "follow_request_sent": None,
    "notifications": None,
}

X_V1: Json = {
    "created_at": "Sun Oct 15 20:41:07 +0000 2017",
    "id": 919660000000000000,
    "id_str": "919660000000000001",
    "text": "Me too, &amp; my sister too. #MeToo #YoTambien",
    "source": '<a href="http://twitter.com" rel="nofollow">Twitter Web Client</a>',
    "truncated": False,
    "in_reply_to_status_id": None,
    "in_reply_to_status_id_str": None,
    "in_reply_to_user_id": None,
    "in_reply_to_user_id_str": None,
    "in_reply_to_screen_name": None,
    "user": _X_V1_USER,
    "geo": None,
    "coordinates": None,
    "place": None,
    "contributors": None,
    "is_quote_status": False,
    "quote_count": 0,
    "reply_count": 0,
    "retweet_count": 0,
    "favorite_count": 0,
    "entities": {
        "hashtags": [{"text": "MeToo", "indices": [31, 37]}, {"text": "YoTambien", "indices": [38, 48]}],
        "urls": [],
        "user_mentions": [],
        "symbols": [],
    },
    "favorited": False,
    "retweeted": False,
    "filter_level": "low",
    "lang": "en",
    "timestamp_ms": "1508100067512",
}

X_V1_EXTENDED: Json = X_V1 | {
    "text": "@first @second At nineteen, in my first week at work. I told nobody, since nobody would have listened… https://t.co/bbbbbbbbbb",
    "display_text_range": [15, 126],
    "truncated": True,
    "in_reply_to_status_id": 919659438700671000,
    "in_reply_to_status_id_str": "919659438700670976",
    "in_reply_to_user_id": 77002,
    "in_reply_to_user_id_str": "77002",
    "in_reply_to_screen_name": "first",
    "extended_tweet": {
        "full_text": "@first @second At nineteen, in my first week at work. I told nobody, since nobody would have "
        "listened. Now I say it here &amp; aloud. #MeToo #MoiAussi https://t.co/cccccccccc",
        "display_text_range": [15, 150],
        "entities": {
            "hashtags": [{"text": "MeToo", "indices": [134, 140]}, {"text": "MoiAussi", "indices": [141, 150]}],
            "urls": [],
            "user_mentions": [
                {"screen_name": "first", "name": "First", "id": 77002, "id_str": "77002", "indices": [0, 6]},
                {"screen_name": "second", "name": "Second", "id": 77003, "id_str": "77003", "indices": [7, 14]},
            ],
            "symbols": [],
            "media": [
                {
                    "id": 77009,
                    "id_str": "77009",
                    "indices": [151, 174],
                    "media_url": "http://pbs.twimg.com/media/AAAA.jpg",
                    "media_url_https": "https://pbs.twimg.com/media/AAAA.jpg",
                    "url": "https://t.co/cccccccccc",
                    "display_url": "pic.twitter.com/cccccccccc",
                    "expanded_url": "https://twitter.com/ines_invented/status/919660000000000001/photo/1",
                    "type": "photo",
                    "sizes": {"thumb": {"w": 150, "h": 150, "resize": "crop"}},
                }
            ],
        },
    },
    "entities": {"hashtags": [], "urls": [], "user_mentions": [], "symbols": []},
    "coordinates": {"type": "Point", "coordinates": [-8.61, 41.15]},
    "geo": {"type": "Point", "coordinates": [41.15, -8.61]},
    "place": {
        "id": "00aa",
        "url": "https://api.twitter.com/1.1/geo/id/00aa.json",
        "place_type": "city",
        "name": "Porto",
        "full_name": "Porto, Portugal",
        "country_code": "PT",
        "country": "Portugal",
        "bounding_box": {
            "type": "Polygon",
            "coordinates": [[[-8.69, 41.13], [-8.69, 41.18], [-8.55, 41.18], [-8.55, 41.13]]],
        },
        "attributes": {},
    },
}

X_V2: Json = {
    "data": {
        "id": "1377650000000000001",
        "text": "Me too, &amp; my sister too. #MeToo #YoTambien",
        "created_at": "2021-04-01T15:53:42.000Z",
        "author_id": "77001",
        "conversation_id": "1377640000000000009",
        "lang": "en",
        "source": "Twitter for Android",
        "reply_settings": "everyone",
        "possibly_sensitive": False,
        "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
        "referenced_tweets": [{"type": "replied_to", "id": "1377640000000000009"}],
        "in_reply_to_user_id": "77002",
        "geo": {"place_id": "00aa", "coordinates": {"type": "Point", "coordinates": [-8.61, 41.15]}},
        "entities": {
            "hashtags": [{"start": 31, "end": 37, "tag": "MeToo"}, {"start": 38, "end": 48, "tag": "YoTambien"}],
            "annotations": [{"start": 0, "end": 5, "probability": 0.5, "type": "Other", "normalized_text": "Me too"}],
        },
        "context_annotations": [
            {
                "domain": {"id": "65", "name": "Interests and Hobbies Vertical", "description": "Top level interests"},
                "entity": {"id": "700", "name": "Society", "description": "Society"},
            },
            {
                "domain": {"id": "66", "name": "Interests and Hobbies Category", "description": "Groups of interests"},
                "entity": {"id": "701", "name": "Movements", "description": "Movements"},
            },
        ],
    },
    "includes": {
        "users": [
            {
                "id": "77001",
                "name": "Ines Invented",
                "username": "ines_invented",
                "location": "Porto, Portugal",
                "description": "Teacher, reader, walker of long ways. All that I write here is made up for a test.",
                "created_at": "2009-03-02T10:11:12.000Z",
                "profile_image_url": "https://pbs.twimg.com/profile_images/77001/aaaa_normal.jpg",
                "public_metrics": {
                    "followers_count": 211,
                    "following_count": 187,
                    "tweet_count": 4711,
                    "listed_count": 3,
                },
                "verified": False,
                "protected": False,
                "url": "",
            },
            {"id": "77002", "name": "Otto Other", "username": "first", "location": "Graz", "protected": False},
        ],
        "tweets": [
            {
                "id": "1377640000000000009",
                "text": "Whoever it happened to: answer with two words. https://t.co/dddddddddd",
                "created_at": "2021-04-01T15:13:04.000Z",
                "author_id": "77002",
                "conversation_id": "1377640000000000009",
                "lang": "en",
                "public_metrics": {"retweet_count": 12, "reply_count": 93, "like_count": 101, "quote_count": 4},
                "entities": {
                    "urls": [
                        {
                            "start": 47,
                            "end": 70,
                            "url": "https://t.co/dddddddddd",
                            "expanded_url": "https://example.org/a/long/way/to/an/article",
                            "display_url": "example.org/a/long/way/to…",
                        }
                    ]
                },
            }
        ],
        "places": [
            {
                "id": "00aa",
                "full_name": "Porto, Portugal",
                "name": "Porto",
                "place_type": "city",
                "country": "Portugal",
                "country_code": "PT",
                "geo": {"type": "Feature", "bbox": [-8.69, 41.13, -8.55, 41.18], "properties": {}},
            }
        ],
    },
    "matching_rules": [{"id": "1377600000000000000", "tag": "hashtide metoo"}],
}

X_V2_RETWEET: Json = {
    "data": {
        "id": "1377650000000000002",
        "text": "RT @ines_invented: Me too, &amp; my sister too, and nobody asked us for years, and we did not ask one "
        "another either. #MeToo #FuoriSal…",
        "created_at": "2021-04-01T15:55:00.000Z",
        "author_id": "77003",
        "conversation_id": "1377650000000000002",
        "lang": "en",
        "referenced_tweets": [{"type": "retweeted", "id": "1377650000000000001"}],
        "entities": {
            "mentions": [{"start": 3, "end": 17, "username": "ines_invented"}],
            "hashtags": [{"start": 113, "end": 119, "tag": "MeToo"}, {"start": 120, "end": 129, "tag": "FuoriSal"}],
        },
    },
    "includes": {
        "users": [{"id": "77003", "username": "third", "name": "Third", "location": "Lyon"}],
        "tweets": [
            {
                "id": "1377650000000000001",
                "text": "Me too, &amp; my sister too, and nobody asked us for years, and we did not ask one another "
                "either. #MeToo #FuoriSalone",
                "created_at": "2021-04-01T15:53:42.000Z",
                "author_id": "77001",
                "lang": "pt",
                "entities": {"hashtags": [{"tag": "MeToo"}, {"tag": "FuoriSalone"}]},
            }
        ],
    },
    "matching_rules": [{"id": "1377600000000000000", "tag": "hashtide metoo"}],
}

X_V2_EDITED: Json = {
    "data": {
        "id": "1576994789110992896",
        "text": "Me too, second try",
        "created_at": "2022-10-03T17:57:11.000Z",
        "author_id": "77001",
        "conversation_id": "1576994789110992896",
        "lang": "en",
        "edit_history_tweet_ids": ["1576994746135764992", "1576994789110992896"],
    }
}

_MASTODON_ACCOUNT: Json = {
    "id": "110000000000000001",
    "username": "ines",
    "acct": "ines@first.example",
    "display_name": "Ines Invented",
    "locked": False,
    "bot": False,
    "created_at": "2022-11-07T00:00:00.000Z",
    "note": "<p>Teacher, reader, walker of long ways.</p>",
    "url": "https://first.example/@ines",
    "uri": "https://first.example/users/ines",
    "avatar": "https://first.example/avatars/original/missing.png",
    "avatar_static": "https://first.example/avatars/original/missing.png",
    "header": "https://first.example/headers/original/missing.png",
    "header_static": "https://first.example/headers/original/missing.png",
    "followers_count": 31,
    "following_count": 55,
    "statuses_count": 102,
    "last_status_at": "2026-08-01",
    "emojis": [],
    "fields": [],
}

MASTODON: Json = {
    "id": "117020581259486622",
    "created_at": "2026-08-01T13:52:45.123Z",
    "in_reply_to_id": None,
    "in_reply_to_account_id": None,
    "sensitive": False,
    "spoiler_text": "",
    "visibility": "public",
    "language": "en",
    "uri": "https://first.example/users/ines/statuses/117020581259486622",
    "url": "https://first.example/@ines/117020581259486622",
    "replies_count": 0,
    "reblogs_count": 0,
    "favourites_count": 0,
    "edited_at": None,
    "content": '<p>Me too, &amp; my sister too. <a href="https://first.example/tags/MeToo" class="mention hashtag" '
    'rel="tag">#<span>MeToo</span></a></p>',
    "reblog": None,
    "application": {"name": "Web", "website": None},
    "account": _MASTODON_ACCOUNT,
    "media_attachments": [],
    "mentions": [],
    "tags": [{"name": "metoo", "url": "https://first.example/tags/metoo"}],
    "emojis": [],
    "card": None,
    "poll": None,
}

MASTODON_REBLOG: Json = MASTODON | {
    "id": "117020590000000000",
    "created_at": "2026-08-01T14:00:00.000Z",
    "uri": "https://second.example/users/otto/statuses/117020590000000000/activity",
    "content": MASTODON["content"],
    "account": _MASTODON_ACCOUNT | {"url": "https://second.example/@otto", "uri": "https://second.example/users/otto"},
    "tags": [],
    "language": None,
    "reblog": MASTODON,
}

JETSTREAM: Json = {
    "did": "did:plc:ines0000000000000000000",
    "time_us": 1783175888090631,
    "kind": "commit",
    "commit": {
        "rev": "3mptbypcq372f",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3mptbyoeyc22k",
        "record": {
            "$type": "app.bsky.feed.post",
            "createdAt": "2026-07-04T14:38:06.240Z",
            "langs": ["pt", "en"],
            "text": "Também eu 💜 #EuTambém",
            "facets": [
                {
                    "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "EuTambém"}],
                    "index": {"byteStart": 16, "byteEnd": 26},
                }
            ],
        },
        "cid": "bafyreiapzyf65cmq55jklpnrihiygze2jmmdqvvkwqeiomd72pbp2iazuu",
    },
}

JETSTREAM_V2: Json = {
    "$type": "message",
    "payload": {
        "$type": "network.bsky.jetstream.subscribeEvents#commit",
        "seq": 42,
        "did": JETSTREAM["did"],
        "time": "2026-07-04T14:38:08.090631Z",
        "witnessedAt": "2026-07-04T14:38:08.090631Z",
        **JETSTREAM["commit"],
    },
}
