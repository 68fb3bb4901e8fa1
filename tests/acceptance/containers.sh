#!/usr/bin/env bash
# Build the images and run the whole pipeline in its containers: `make test-containers`.
#
# Where podman is absent and cannot be installed, or cannot run a container, it says so in a line that begins with SKIPPED
# and ends well; whatever fails after that is a failure.
#   BASE     base image (default: made of Debian's packages)
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service" || true; rm -rf "$work"' EXIT

skip() {
    echo "SKIPPED: the pipeline was not run in its containers, for $1"
    exit 0
}

within() { # SECONDS WHAT COMMAND...: nothing here may wait for ever
    local code=0
    timeout --kill-after=30 "$1" "${@:3}" </dev/null || code=$?
    case $code in 124 | 137) echo "FAILED: $2 took longer than $1 s" >&2 ;; esac
    return "$code"
}

[ "$(id -u)" -eq 0 ] || skip "podman without root gives the steps' user no right to write the run's folder"
tools=(podman buildah runc netavark aardvark-dns slirp4netns iptables catatonit mmdebstrap)
if ! command -v podman >/dev/null || ! command -v mmdebstrap >/dev/null; then
    within 600 "installing podman" bash .ci/system "${tools[@]}" || command -v podman >/dev/null || skip "podman is not installed and could not be"
fi

# Defaults first; then what machines need whose root may not raise limits or that mix two versions of cgroups.
printf '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' \
    >"$work/containers.conf"
base=${BASE:-localhost/withanyone-python:3.11}
podman image exists "$base" || within 600 "making the base image" components/base-image.sh "$base" || skip "no base image could be made; give one in BASE"
if ! within 120 "a first container" podman run --rm --network none "$base" true 2>"$work/why"; then
    export CONTAINERS_CONF="$work/containers.conf"
    within 120 "a first container" podman run --rm --network none "$base" true 2>"$work/why" ||
        skip "podman runs no container here: $(tail -1 "$work/why")"
fi

free=$(df --output=avail --block-size=G "$(podman info --format '{{.Store.GraphRoot}}')" | tail -1 | tr -dc 0-9)
[ "$free" -ge 30 ] || skip "images and their build need 30 GB where podman keeps them, and $free GB are free"

arguments="--network host $(.venv/bin/python components/pip_settings.py "$work") ${BUILD_ARGS:-}"
# shellcheck disable=SC2086  # a list of arguments
within 300 "a first package" podman run --rm $arguments "$base" sh -c 'python3 -m venv /tmp/v && /tmp/v/bin/pip download -q --no-deps -d /tmp/d six' 2>"$work/why" ||
    skip "pip in a container reaches no package index: $(tail -1 "$work/why")"
started=$SECONDS
export BASE=$base BUILD_ARGS=$arguments
within 1500 "building the images" components/build.sh >"$work/build.log" 2>&1 || { tail -50 "$work/build.log" && exit 1; }
grep '^==' "$work/build.log" && tail -"$(ls -d components/*/Containerfile | wc -l)" "$work/build.log"
echo "images built in $((SECONDS - started)) s"

podman system service --time=0 "unix://$work/podman.sock" &
service=$!
started=$SECONDS
export CONTAINERS_MUST_RUN=1 OMP_NUM_THREADS=1 DOCKER_HOST="unix://$work/podman.sock"
within 1800 "the tests" .venv/bin/python -m pytest -m containers tests/acceptance -s
echo "tested in $((SECONDS - started)) s"
