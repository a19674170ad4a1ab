# syntax=docker/dockerfile:1

# whatif as an image: one static binary, no shell, not root.
#
#   docker build -t whatif .
#   docker run --rm whatif plan --example

FROM --platform=$BUILDPLATFORM golang:1.26.8-trixie AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
# With .git, so that the binary knows its version.
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/go/cache \
    GOCACHE=/go/cache CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -buildvcs=true -trimpath -ldflags='-s -w' -o /out/whatif ./cmd/whatif

FROM gcr.io/distroless/static-debian13:nonroot
LABEL org.opencontainers.image.title="whatif" \
      org.opencontainers.image.description="What must be bought so that every pod runs, and why" \
      org.opencontainers.image.source="https://github.com/vpsie/vpsie-k8s-autoscaler" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/whatif /whatif
USER 65532:65532
ENTRYPOINT ["/whatif"]
