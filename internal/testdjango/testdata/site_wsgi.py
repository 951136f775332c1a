"""The application, over a database that is made when it is loaded."""
import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User

for account in json.loads(os.environ["ACCOUNTS"]):
    User.objects.create_user(**account)
