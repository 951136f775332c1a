import os
from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
SITE = urlsplit(os.environ.get("SITE", "http://localhost:8080"))
SECRET_KEY = os.environ["SECRET_KEY"]

# The gateway passes on the host that the visitor asked for, and says in X-Forwarded-Proto whether it was https; it lets no
# client say so. With both, Django's check of the origin of forms works without CSRF_TRUSTED_ORIGINS.
ALLOWED_HOSTS = [SITE.hostname]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE.scheme == "https"
# HSTS and the redirect from http to https are the gateway's.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shop.gatehouse.GatehouseMiddleware",  # after AuthenticationMiddleware
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Nothing else: with ModelBackend, passwords in Django's database would be a second way in, and sessions from before live on.
AUTHENTICATION_BACKENDS = ["shop.gatehouse.GatehouseBackend"]

# For @login_required(redirect_field_name="rd"), where the Caddyfile does not ask for a user.
LOGIN_URL = "/auth/login"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
