"""`hashtide watch`: what is in Elasticsearch, as a live page and in a terminal.

- `queries`: asks Elasticsearch, the only module here that does
- `periods`: which time is looked at, in which steps (pure)
- `spikes`: what is usual, what is a spike, and what drives it (pure)
- `names`: what keys are called, made safe to show (pure)
- `model`: the sums of an answer become a View (pure)
- `feed`: views for many browsers, shared, and kept while Elasticsearch is away
- `words`: a View in words and numbers (pure)
- `chart`: a View becomes options of ECharts (pure)
- `page`: the page, of `parts` and `cards`, run by `serve`, guarded by `hosts`
- `terminal`: the same in a terminal
"""
