"""The operator's commands, a group for each part of the house."""

from flask import Flask

from clinicdir.cli import (
    auditing,
    backups,
    delivering,
    demo,
    directory,
    doctor,
    erasing,
    finding,
    keying,
    people,
    serving,
)


def init_app(app: Flask) -> None:
    """Hang the commands on `flask`."""
    for erasing_command in (erasing.erase, erasing.purge):
        people.requests.add_command(erasing_command)
    for command in (
        serving.serve,
        demo.demo,
        doctor.doctor,
        directory.seed,
        directory.locations,
        finding.finder,
        people.staff,
        people.requests,
        delivering.notifications,
        keying.keys,
        auditing.audit,
        backups.backup,
    ):
        app.cli.add_command(command)
