from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import path

PAGE = engines["django"].from_string(
    """<!doctype html>
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<h1>{{ title }}</h1>
{% if request.user.is_authenticated %}
<p>Hello, {{ request.user.get_full_name|default:request.user.email }}.
{% if request.user.is_staff %}<a href="/admin/">Administration</a>{% endif %}
<a href="/auth/account">Your account</a> <a href="/auth/logout">Sign out</a>
{% else %}
<p>You may look around. <a href="/auth/login?rd=/orders/">Sign in</a>
{% endif %}
"""
)


def home(request):
    return HttpResponse(PAGE.render({"title": "Shop"}, request))


def orders(request):
    return HttpResponse(PAGE.render({"title": "Your orders"}, request))


def no_staff(request):
    """Where the admin sends who is signed in and is no staff: its own form asks for a password that Django does not have."""
    if request.user.is_staff:
        return redirect("admin:index")
    raise PermissionDenied


urlpatterns = [
    path("", home),
    path("orders/", orders),
    path("wishes/", login_required(orders, redirect_field_name="rd")),
    path("admin/login/", no_staff),
    path("admin/logout/", lambda request: redirect("/auth/logout")),
    path("admin/", admin.site.urls),
]
