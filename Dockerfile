# One image for every role: `worker-manager serve --role api`, `serve --role worker`, `migrate`, `check-config`.
# Temporal's native part is built for glibc: no Alpine.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:24-bookworm-slim
# Temporal's native part takes the system's certificates, for TLS to a Temporal server; the slim image has none.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY --from=build /app/dist/ dist/
RUN chmod +x /app/dist/cli/main.js && ln -s /app/dist/cli/main.js /usr/local/bin/worker-manager

# Shown by GET /__version__.
ARG COMMIT=""
ARG BUILD=""
# MALLOC_ARENA_MAX keeps the memory of the process down: dev/start/serve-environment.ts.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    WORKER_MANAGER_CONFIG=/etc/worker-manager/config.yml \
    WORKER_MANAGER_COMMIT=$COMMIT \
    WORKER_MANAGER_BUILD=$BUILD
USER node
EXPOSE 8080 9464
ENTRYPOINT ["worker-manager"]
CMD ["serve"]
