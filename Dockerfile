# One image for the API, the worker and migrations: pazpaz-agent serve | worker | migrate.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
# Compiled once here: a container's root is read-only, so each start would compile everything anew.
# Not checked against the sources' times, because layers round those.
ENV UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /src
COPY pyproject.toml uv.lock README.md ./
COPY clients/python clients/python
COPY clients/web/src/locales clients/web/src/locales
COPY clients/demo_monolith/pyproject.toml clients/demo_monolith/pyproject.toml
COPY service service
COPY migrations migrations
# otel: what TRACES_URL needs.
ARG EXTRAS=
# The system's certificates, because a company's package mirror has its own authority.
RUN UV_SYSTEM_CERTS=1 UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON=python3 /uv/bin/uv sync --frozen --no-cache --no-editable \
    --no-default-groups --package pazpaz-ai ${EXTRAS:+--extra "${EXTRAS}"}

FROM ${BASE}
COPY --from=build /venv /venv
ENV PATH=/venv/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8810
USER 10001:10001
EXPOSE 8810
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["pazpaz-agent"]
CMD ["serve"]
