"""`hashtide demo`: run the whole pipeline on this machine, and check that no post is lost."""
