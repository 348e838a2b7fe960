"""What the doctor says of faxes: whether they can leave, and what their page cannot show."""

from collections.abc import Iterator

from clinicdir import clock
from clinicdir.cli.findings import Finding, Weight
from clinicdir.notifications.channels import send_nothing
from clinicdir.notifications.fax import Unreachable
from clinicdir.notifications.fax_choice import Mailing, fax_driver_of, fonts_of
from clinicdir.notifications.fax_hylafax import HylafaxDriver
from clinicdir.web.parts import parts


def look_at_fax() -> Iterator[Finding]:
    """Say whether faxes can leave, and what their page cannot show; nothing while fax is off."""
    settings = parts().settings
    if settings.fax_url is None:
        return
    try:
        driver = fax_driver_of(settings, Mailing(send_nothing, settings.mail_from, clock.now))
        if isinstance(driver, HylafaxDriver):
            driver.check()
        yield Finding(Weight.FINE, "fax", "set up")
    except ValueError as problem:
        yield Finding(Weight.TROUBLE, "fax", "no fax can leave", str(problem))
    except Unreachable as trouble:
        cure = "Install hylafax-client, check CLINICDIR_FAX_URL and that its server runs."
        yield Finding(Weight.WARNING, "fax", str(trouble), cure)
    for lack in fonts_of(settings).lacks():
        yield Finding(
            Weight.WARNING,
            "fax page",
            f"{lack.script} cannot be printed; the page shows boxes and says so",
            f"Install the Debian package {lack.package}, or set CLINICDIR_FAX_FONTS.",
        )
