"""Measurements that the documents rest on; each is a command of its own."""
