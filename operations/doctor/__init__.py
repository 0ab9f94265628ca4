"""`hashtide doctor`: what is wrong, and what to do.

`local`, `kafka` and `elasticsearch` collect `facts`; `local_rules`, `kafka_rules` and `elasticsearch_rules` judge them
(pure); `examine` runs the checks in order, each with a time limit (`checks`).
"""
