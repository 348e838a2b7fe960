"""What `flask` and WSGI servers start: reads .env, then builds the app once."""

import os
import sys

from dotenv import load_dotenv

from clinicdir import create_app
from clinicdir.settings import BadSettings
from clinicdir.web import logs

os.umask(0o077)  # whatever is written, the database first of all, is for this account alone
load_dotenv()
try:
    app = create_app()
    logs.start(app.extensions["clinicdir"].settings)
except BadSettings as trouble:
    sys.exit(f"clinicdir cannot start.\n{trouble}")
