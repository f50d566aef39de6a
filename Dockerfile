# One image for the API, the worker and migrations: pazpaz-agent serve | worker | migrate.
# A base must have Python 3.11 or 3.12 with venv, certificates, and apt for the build stage.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
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
    --no-default-groups --package pazpaz-ai ${EXTRAS:+--extra "${EXTRAS}"} \
    && /uv/bin/uv export --frozen --no-default-groups --package pazpaz-ai ${EXTRAS:+--extra "${EXTRAS}"} --quiet \
    --preview-features sbom-export --format cyclonedx1.5 --output-file /venv/sbom.cdx.json
# Wheels bring 90 MB of debug symbols and 25 MB of their own tests. Libraries in *.libs were moved by auditwheel, which
# strip does not survive. What was stripped must still load.
RUN rm -f /venv/.lock && find /venv -type d -name tests -prune -exec rm -r {} + \
    && find /venv -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
    && /venv/bin/python3 -c "import service.main, service.worker, numkong, numpy, asyncpg, zstandard, fastavro, tokenizers"

FROM ${BASE}
LABEL org.opencontainers.image.title="pazpaz-ai" \
      org.opencontainers.image.description="Answers therapists' questions about their own session notes" \
      ai.pazpaz.sbom="/venv/sbom.cdx.json"
COPY --from=build /venv /venv
ENV PATH=/venv/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8810
USER 10001:10001
EXPOSE 8810
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["pazpaz-agent"]
CMD ["serve"]
