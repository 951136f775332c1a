from django.contrib.auth.models import User
from django.urls import include, path
from rest_framework import permissions, serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
)


def options_of_a_request(get_response):
    """
    Options of simplejwt are those that the header X-Options names, such as "rotate blacklist". One process, one thread: no other
    request sees them.
    """

    def answer(request):
        options = request.headers.get("X-Options", "").split()
        api_settings.ROTATE_REFRESH_TOKENS = "rotate" in options
        api_settings.BLACKLIST_AFTER_ROTATION = "blacklist" in options
        return get_response(request)

    return answer


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email"]


class NewUserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email", "password"]
        extra_kwargs = {"password": {"write_only": True}}

    def create(self, validated_data):
        return User.objects.create_user(**validated_data)


class AdminWrites(permissions.IsAuthenticated):
    def has_permission(self, request, view):
        reads = request.method in permissions.SAFE_METHODS
        return super().has_permission(request, view) and (reads or request.user.is_staff)


class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.order_by("id")
    permission_classes = [AdminWrites]

    def get_serializer_class(self):
        return NewUserSerializer if self.request.method == "POST" else UserSerializer


class AdminsUserViewSet(UserViewSet):
    permission_classes = [permissions.IsAdminUser]

    def get_view_name(self):
        return "User " + (self.suffix or "")


users = DefaultRouter()
users.include_root_view = False
users.register("student/authentication", UserViewSet)
users.register("admins/users", AdminsUserViewSet, basename="admins")

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/verify/", TokenVerifyView.as_view()),
    path("api/token/blacklist/", TokenBlacklistView.as_view()),
    path("", include(users.urls)),
]
