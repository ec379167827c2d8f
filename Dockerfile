# The guard as an image: no compiler, no root, and nothing to write to but /var/lib/guard.
#
#   docker build --tag guard .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 \
#       -v "$PWD/etc:/etc/guard:ro" -v guard-state:/var/lib/guard guard
#
# /etc/guard holds guard.yaml and the rules folder it names. In it, `data.listen: 0.0.0.0:8080` lets requests in from
# outside the container, and `state: /var/lib/guard` keeps the journal on the volume.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml Makefile README.md LICENSE ./
COPY guard guard
COPY rules rules
COPY config config
RUN make install PREFIX=/opt/guard

FROM python:${PYTHON}-slim
COPY --from=build /opt/guard /opt/guard
COPY rules /etc/guard/rules
RUN install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/guard
ENV PATH=/opt/guard/bin:$PATH \
    GUARD_CONFIG=/etc/guard/guard.yaml \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /var/lib/guard
VOLUME ["/var/lib/guard"]
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=2).close()"]
ENTRYPOINT ["guard"]
CMD ["serve"]
