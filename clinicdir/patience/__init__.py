"""How long a page waits for a database that is busy or away, and who waits for it at all."""
