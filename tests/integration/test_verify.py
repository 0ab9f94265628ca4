"""Damaged counts are found, reported, and repaired by the workers."""

from typing import Any

from tests.integration.pipeline import Pipeline

PRODUCE = ("produce", "campaign", "--posts=2000", "--seed=5", "--start=2017-10-16")


def test_damaged_counts_are_reported_and_repaired(pipeline: Pipeline) -> None:
    pipeline.hashtide(*PRODUCE)
    with pipeline.worker():
        pipeline.settle()
        whole = pipeline.sums()
        verdict = pipeline.json("verify", "--json")
        assert (verdict["posts"], verdict["deleted"], verdict["differences"]) == (2_000, 0, [])

        damage(pipeline)
        assert pipeline.sums() != whole
        answer = pipeline.hashtide("verify", status=1).stdout.decode()
        assert "2,000 posts in the ledger, 0 of them deleted: 3 counts differ" in answer
        earlier = pipeline.json("verify", "--to=2017-10-15T23:00", "--json")
        assert (earlier["posts"], earlier["differences"]) == (0, [])

        verdict = pipeline.json("verify", "--repair", "--json")
        assert (verdict["mended"], verdict["differences"]) == (3, [])
        assert pipeline.sums() == whole

    damage(pipeline)
    done = pipeline.hashtide("verify", "--repair", status=1)
    assert done.stderr.decode().splitlines()[-1] == (
        f"hashtide: the workers of group {pipeline.settings.group} make no progress (it has 0): the orders to recount "
        "wait in posts.raw until a worker handles them. Start a worker, or read the workers' logs"
    )
    with pipeline.worker():
        pipeline.settle()
        assert pipeline.sums() == whole


def damage(pipeline: Pipeline) -> None:
    """Delete a count, and write wrong numbers into two others."""
    with pipeline.elasticsearch() as client:
        hits: list[Any] = client.search(index="reply-volume-*", size=2, version=True)["hits"]["hits"]
        client.delete(index=hits[0]["_index"], id=hits[0]["_id"])
        (tags,) = client.search(index="hashtag-volume-*", size=1, version=True)["hits"]["hits"]
        for hit, total in ((hits[1], 0), (tags, 999)):
            client.index(
                index=hit["_index"],
                id=hit["_id"],
                version=hit["_version"],
                version_type="external_gte",
                document=hit["_source"] | {"count": total},
            )
