"""`hashtide demo`: the whole pipeline at work on this machine, and an account that must balance."""
