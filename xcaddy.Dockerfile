# A Caddy with Gatehouse in it, built from this tree:
#
#   docker build -f xcaddy.Dockerfile -t gatehouse .
#   docker run -p 80:80 -p 443:443 -p 443:443/udp \
#     -v ./Caddyfile:/etc/gatehouse/Caddyfile:ro -v gatehouse:/data gatehouse
#
# It builds cmd/gatehouse rather than asking xcaddy to make a main package, so that every module is
# checked against go.sum. To add other Caddy modules, use xcaddy with
# --with github.com/gatehouse-auth/gatehouse/caddymodule.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/gatehouse ./cmd/gatehouse \
 && mkdir -p /out/data /out/config

# Holds certificates of the public authorities and time zones, and no shell.
FROM gcr.io/distroless/static-debian12:nonroot AS plain
COPY --from=build /out/gatehouse /usr/bin/gatehouse
# A new volume takes its owner from the folder it covers.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/config /config
# Caddy keeps its data below these; Gatehouse's data_dir defaults to /data/caddy/gatehouse.
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
VOLUME /data /config
EXPOSE 80 443 443/udp
USER 65532:65532
ENTRYPOINT ["/usr/bin/gatehouse"]
CMD ["run", "--config", "/etc/gatehouse/Caddyfile"]

# The same with wget, for the container engine's own health checks: docker build --target probed …
FROM plain AS probed
COPY --from=busybox:1.37-musl /bin/busybox /usr/bin/wget

FROM plain
