# The image. docs/deploy.md says how it is built and run; where no registry is reached, scripts/image-base.ts makes a base.
ARG BASE=node:24-slim

FROM ${BASE} AS build
WORKDIR /build
COPY . .
# A base may have no shell: nothing here asks for one.
RUN ["node", "scripts/image-stage.ts"]

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Artifacta" \
      org.opencontainers.image.description="A self-hosted, session-aware artifact store for AI agents" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /stage/ /
COPY --from=build --chown=65532:0 /volume/ /
# The pool of threads and the size of blocks that go back to the system are those of bin/node-options. A listener
# that others reach needs --auth, or --insecure.
ENV UV_THREADPOOL_SIZE=16 \
    MALLOC_MMAP_THRESHOLD_=524288 \
    NODE_COMPILE_CACHE=/opt/artifacta/compiled \
    ARTIFACTA_DATA_DIR=/data \
    ARTIFACTA_GRPC_LISTEN=0.0.0.0:50051 \
    ARTIFACTA_HTTP_LISTEN=0.0.0.0:8080 \
    ARTIFACTA_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 50051 8080 9090
VOLUME /data
# The group that a user without an entry in /etc/passwd has, so that others can take the volume over.
USER 65532:0
# Node is process 1 and gets the signals. The flags are the serve_flags of bin/node-options.
ENTRYPOINT ["node", "--external-memory-accounted-in-global-limit", "--initial-old-space-size=128", "--max-semi-space-size=8", "--no-parallel-scavenge", "--heap-growing-percent=40", "/opt/artifacta/main.js"]
CMD ["serve"]
