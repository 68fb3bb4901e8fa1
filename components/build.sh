#!/usr/bin/env bash
# Build the images of the named steps' folders (default: all) over one shared base: components/build.sh [FOLDER...]
#
#   BASE          image with Python 3.11 and venv (default: the one that components/Containerfile names)
#   ENGINE        podman or docker (default: podman)
#   BUILD_ARGS    further arguments of the build, such as --volume for pip's settings or certificates of this machine
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${ENGINE:-podman}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
[ "$#" -gt 0 ] || set -- $(ls -d components/*/Containerfile | cut -d/ -f2)

# shellcheck disable=SC2086  # BUILD_ARGS is a list of arguments
"$engine" build ${BASE:+--build-arg "BASE_IMAGE=$BASE"} ${BUILD_ARGS:-} -t localhost/withanyone-base -f components/Containerfile .
for step in "$@"; do
    "$engine" build ${BUILD_ARGS:-} -t "localhost/withanyone-$step:$version" -f "components/$step/Containerfile" .
done
