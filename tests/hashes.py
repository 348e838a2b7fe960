"""Spares the tests the cost that password hashes have on purpose."""

from flask import Flask


def spend_little(app: Flask) -> Flask:
    """Let `app` hash with a thousandth of the memory and time; return it."""
    context = app.extensions["security"].pwd_context
    context.update(argon2__time_cost=1, argon2__memory_cost=64, argon2__parallelism=1)
    return app
