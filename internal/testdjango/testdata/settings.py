"""What Django's and the packages' manuals say to set, as small as it gets."""
import os

DEBUG = False
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "site_wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.path.dirname(__file__), "db.sqlite3")}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt",
]
BLACKLIST = os.environ["BLACKLIST"] == "on"
if BLACKLIST:
    INSTALLED_APPS.append("rest_framework_simplejwt.token_blacklist")
MIDDLEWARE = ["urls.options_of_a_request"] if BLACKLIST else []
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests wait for it
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ("rest_framework_simplejwt.authentication.JWTAuthentication",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
}
# BLACKLIST_AFTER_ROTATION is read when the package is imported; options_of_a_request sets it for each request.
SIMPLE_JWT = {"BLACKLIST_AFTER_ROTATION": BLACKLIST}
