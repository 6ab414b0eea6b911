#!/bin/sh
# Podman as a second engine beside Docker's, with the images that Docker has, on a bare Debian machine.
# Safe to run again: does only what is missing. Needs root, and the images (see engine.sh).
#
# Afterwards run with the variable that it prints.
set -eu

FOLDER=${TMPDIR:-/tmp}/evolve-podman
SOCKET=$FOLDER/podman.sock

say() { printf 'podman: %s\n' "$*" >&2; }

answers() { curl -sf --max-time 5 --unix-socket "$SOCKET" http://podman/version >/dev/null; }

install_packages() {
    command -v podman >/dev/null && command -v curl >/dev/null && return
    say "installing podman"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman runc curl >/dev/null
}

start_service() {
    if answers; then
        say "the service answers already"
        return
    fi
    # Without cgroup v2 its default runtime starts nothing.
    if [ ! -f /sys/fs/cgroup/cgroup.controllers ]; then
        printf '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n' >"$FOLDER/containers.conf"
        export CONTAINERS_CONF="$FOLDER/containers.conf"
    fi
    say "starting its service, log in $FOLDER/log"
    cd "$FOLDER"  # conmon leaves a file `oom` where it was started
    setsid nohup podman system service --time=0 "unix://$SOCKET" >"$FOLDER/log" 2>&1 </dev/null &
    echo $! >"$FOLDER/pid"
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ]; then
            say "it did not answer within 120 s; the end of $FOLDER/log:"
            tail -n 20 "$FOLDER/log" >&2 || true
            exit 1
        fi
        sleep 1
    done
}

load_images() {
    for image in $(docker image ls --format '{{.Repository}}:{{.Tag}}' | grep '^evolve-'); do
        podman image exists "$image" || docker save "$image" | podman load -q >/dev/null
    done
}

mkdir -p "$FOLDER"
install_packages
start_service
load_images
printf 'DOCKER_HOST=unix://%s\n' "$SOCKET"
