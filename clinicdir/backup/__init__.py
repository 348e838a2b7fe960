"""Backups: one sealed file with the whole database, proven by restoring it."""
