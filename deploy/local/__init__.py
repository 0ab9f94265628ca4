"""The embedded stack: real Kafka and real Elasticsearch as child processes, with no Docker, Java or Maven installed.

`stack` is the way in: `running` for one that lives as long as its caller, `up`, `down` and `status` for one that stays.
What it runs on is the extra `local`, which an installation for production can do without.
"""
