# syntax=docker/dockerfile:1

# The controller and whatif as images: one static binary each, no shell, not root.
#
#   docker build -t vpsie-k8s-autoscaler .
#   docker build -t whatif --target whatif .
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
    go build -buildvcs=true -trimpath -ldflags='-s -w' -o /out/ ./cmd/whatif ./cmd/controller

FROM gcr.io/distroless/static-debian13:nonroot AS base
LABEL org.opencontainers.image.source="https://github.com/vpsie/vpsie-k8s-autoscaler" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532

FROM base AS whatif
LABEL org.opencontainers.image.title="whatif" \
      org.opencontainers.image.description="What must be bought so that every pod runs, and why"
COPY --from=build /out/whatif /whatif
ENTRYPOINT ["/whatif"]

FROM base
LABEL org.opencontainers.image.title="vpsie-k8s-autoscaler" \
      org.opencontainers.image.description="A node autoscaler for VPSie that decides by running kube-scheduler's own code"
COPY --from=build /out/controller /controller
EXPOSE 8080 8081
ENTRYPOINT ["/controller"]
