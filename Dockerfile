# Scripts, styles and fonts of the pages, from npm packages.
FROM node:22-bookworm-slim AS static
WORKDIR /static
COPY static/package.json static/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY static ./
RUN npm run build

# The binary. DuckDB and SQLite are C and C++, so it is linked with the libraries of this Debian; time zones are built in.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=static /static/dist static/dist
RUN CGO_ENABLED=1 go build -trimpath -ldflags "-s -w" -o /daybook ./cmd/daybook

# The same Debian; its apt needs the C++ library, so it is there. Certificates, for SES, come from the stage before.
FROM debian:bookworm-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /daybook /usr/local/bin/daybook
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin daybook \
 && install -d -o daybook -g daybook -m 0700 /project
USER 10001
WORKDIR /project
VOLUME /project
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s CMD ["daybook", "health", "--addr", "localhost:8080"]
ENTRYPOINT ["daybook"]
CMD ["serve", "-C", "/project", "--addr", ":8080"]
