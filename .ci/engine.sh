#!/bin/sh
# A Docker engine, bubblewrap and a base image for the sandboxes, on a bare Debian machine, without an image registry.
# Safe to run again: does only what is missing. Needs root.
#
# Afterwards build and run with the two variables that it prints.
set -eu

SUITE=${EVOLVE_BASE_SUITE:-bookworm}
BASE=evolve-base:$SUITE
LOG=${TMPDIR:-/tmp}/dockerd.log
BUNDLE=/etc/ssl/certs/ca-certificates.crt

say() { printf 'engine: %s\n' "$*" >&2; }

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

install_packages() {
    missing=
    command -v dockerd >/dev/null && command -v docker >/dev/null || missing="$missing docker.io"
    command -v iptables >/dev/null || missing="$missing iptables"
    command -v debootstrap >/dev/null || missing="$missing debootstrap"
    command -v bwrap >/dev/null || missing="$missing bubblewrap"
    [ -z "$missing" ] && return
    say "installing$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

start_engine() {
    if answers; then
        say "an engine answers already"
        return
    fi
    # A second daemon would break the network of the first: one that runs but does not answer is not ours to end.
    if pgrep -x dockerd >/dev/null; then
        say "a dockerd is running but does not answer yet: waiting for it"
    else
        say "starting dockerd, log in $LOG"
        setsid nohup dockerd >"$LOG" 2>&1 </dev/null &
    fi
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            say "no engine answered within 60 s; the end of $LOG:"
            tail -n 20 "$LOG" >&2 || true
            exit 1
        fi
        sleep 1
    done
}

# The mirror that apt itself uses; the security archive has no base system.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v -- '-security/*$' | head -n 1
}

make_base() {
    if docker image inspect "$BASE" >/dev/null 2>&1; then
        say "the image $BASE is there already"
        return
    fi
    archive=$(mirror)
    if [ -z "$archive" ]; then
        say "apt knows no package index: run apt-get update, then this again"
        exit 1
    fi
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    say "making $BASE with debootstrap: about a minute"
    debootstrap --variant=minbase --include=python3-venv,ca-certificates "$SUITE" "$root/base" "$archive" >"$root/log" 2>&1 || {
        tail -n 20 "$root/log" >&2
        exit 1
    }
    rm -rf "$root"/base/var/cache/apt/archives/*.deb "$root"/base/var/lib/apt/lists/*
    tar -C "$root/base" -c . | docker import - "$BASE" >/dev/null
}

install_packages
start_engine
make_base
say "ready; run with"
printf 'EVOLVE_SANDBOX_BASE=%s\n' "$BASE"
if [ -f "$BUNDLE" ]; then printf 'EVOLVE_SANDBOX_CA=%s\n' "$BUNDLE"; fi
