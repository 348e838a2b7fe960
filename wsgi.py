"""What `flask` and WSGI servers start: reads .env, then builds the app once."""

from dotenv import load_dotenv

from clinicdir import create_app

load_dotenv()
app = create_app()
