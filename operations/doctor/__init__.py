"""`hashtide doctor`: what is wrong, and what to do about it.

`facts` is what was found, `here`, `broker` and `store` find it, `local_rules`, `kafka_rules` and `elasticsearch_rules`
say what it means, purely; `examine` has the checks in their order, each with a time limit (`asking`).
"""
