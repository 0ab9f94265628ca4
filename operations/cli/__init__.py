"""`hashtide`: one file a command. Each is imported when it is asked for: `hashtide counts` waits for no detector."""
