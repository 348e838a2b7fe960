"""Who did and who looked: an append-only chain of entries."""
