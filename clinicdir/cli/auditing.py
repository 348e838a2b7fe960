"""Commands about the audit trail."""

import json
import sys

import click
from flask.cli import AppGroup

from clinicdir.audit.verifying import verify_chains
from clinicdir.cli.refusals import JSON_HELP, in_plain_words

audit = AppGroup("audit", help="Check the audit trail.")


@audit.command("verify")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def verify(as_json: bool) -> None:
    """Work every hash out anew; name the first entry of a chain that does not fit."""
    verdicts = list(verify_chains())
    if as_json:
        rows = [{"chain": one.chain, "entries": one.count, "fault": one.fault} for one in verdicts]
        click.echo(json.dumps(rows, indent=2))
    else:
        for one in verdicts:
            click.echo(f"{one.chain}: {one.count} entries, {one.fault or 'all fit'}")
    if any(one.fault for one in verdicts):
        click.echo("The audit trail does not fit. docs/operate.md says what to do.", err=True)
        sys.exit(1)
