"""`hashtide watch`: the counts in Elasticsearch, live on a page or in a terminal.

- `queries`: queries Elasticsearch; no other module here does
- `periods`: the time range and its steps (pure)
- `spikes`: the usual level, spikes, and what drives them (pure)
- `names`: display names of keys, safe to show (pure)
- `model`: builds a View from sums (pure)
- `feed`: shares views between browsers, and keeps the last one while Elasticsearch is unreachable
- `words`: a View as text and numbers (pure)
- `chart`: a View as ECharts options (pure)
- `page`: the page, built from `parts` and `cards`, run by `serve`, guarded by `hosts`
- `terminal`: the same in a terminal
"""
