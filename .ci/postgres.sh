#!/bin/sh
# Starts a throwaway PostgreSQL cluster on a free port and prints its URL, and nothing else, on stdout.
#
#   CONTEXT_TEST_POSTGRES_URL=$(.ci/postgres.sh)
#   trap '.ci/postgres.sh stop' EXIT
#
# Run again it prints the same URL; a cluster that died is replaced. Nothing in it outlives `stop`: fsync is off.
set -eu

home="${TMPDIR:-/tmp}/context-service-postgres-$(id -u)"
data="$home/data"

as_owner() { # PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

newest_bin() { find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1 | xargs -r dirname; }

stop() {
    if [ -f "$data/postmaster.pid" ]; then as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >&2 || true; fi
    rm -rf "$home"
}

start() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p -m 700 "$home"
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$home"; fi
    # English collation, as on many real servers: an order that leans on it instead of on code points fails the tests.
    as_owner "$bin/initdb" -D "$data" -U context --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --locale-provider=icu --icu-locale=en-US --no-sync >&2
    as_owner "$bin/pg_ctl" -D "$data" -l "$home/log" -w start -o "-p $port -k $home -c listen_addresses=127.0.0.1 -c fsync=off" >&2
    echo "postgresql://context@127.0.0.1:$port/postgres" >"$home/url"
}

bin=$(newest_bin)
if [ -z "$bin" ]; then
    { apt-get update && apt-get install -y --no-install-recommends postgresql; } >&2
    bin=$(newest_bin)
fi
if [ "${1:-start}" = stop ]; then stop; exit; fi
if ! as_owner "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then stop; start; fi
cat "$home/url"
