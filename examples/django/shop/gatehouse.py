"""Signs people in to Django whom Gatehouse has signed in."""

from urllib.parse import unquote

from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.middleware import RemoteUserMiddleware


class GatehouseMiddleware(RemoteUserMiddleware):
    """The account's id, which never changes, is Django's username.

    The parent reads REMOTE_USER, a variable of the server that no header can set. Do not take PersistentRemoteUserMiddleware
    in its place: Django would keep people signed in after they have signed out of Gatehouse.
    """

    header = "HTTP_REMOTE_SUB"


class GatehouseBackend(RemoteUserBackend):
    """Makes a Django user at the first visit, and brings name and address up to date whenever somebody signs in."""

    def authenticate(self, request, remote_user=None):
        user = super().authenticate(request, remote_user)
        if user is None:
            return None
        # Gatehouse tells an address only when it is verified, and percent-encodes what is not ASCII.
        user.email = unquote(request.META.get("HTTP_REMOTE_EMAIL", ""))
        user.first_name = unquote(request.META.get("HTTP_REMOTE_NAME", ""))[:150]
        user.last_name = ""
        user.save(update_fields=["email", "first_name", "last_name"])
        return user

    def configure_user(self, request, user, created=True):
        if created:
            user.set_unusable_password()  # passwords are Gatehouse's
            user.save()
        return user
