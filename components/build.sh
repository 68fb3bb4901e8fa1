#!/usr/bin/env bash
# Build the images of the named steps' folders (default: all) over their shared layers: components/build.sh [FOLDER...]
#
#   BASE          image with Python 3.11 and venv (default: the one that components/Containerfile names)
#   ENGINE        podman or docker (default: podman where there is one)
#   BUILD_ARGS    further arguments of each build, such as --volume for this machine's pip settings or certificates
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${ENGINE:-$(command -v podman >/dev/null && echo podman || echo docker)}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit+=-dirty
[ "$#" -gt 0 ] || set -- $(ls -d components/*/Containerfile | cut -d/ -f2)

build() { # NAME FILE [ARGUMENT...]
    echo "== $1, after $SECONDS s"
    # shellcheck disable=SC2086  # BUILD_ARGS is a list of arguments
    "$engine" build ${BUILD_ARGS:-} -t "localhost/withanyone-$1" -f "$2" "${@:3}" .
}

for stage in build build-torch facts base torch; do
    build "$stage" components/Containerfile --target "$stage" ${BASE:+--build-arg "BASE_IMAGE=$BASE"}
done
for step in "$@"; do
    build "$step:$version" "components/$step/Containerfile" \
        --label "org.opencontainers.image.title=withanyone $step" \
        --label "org.opencontainers.image.version=$version" \
        --label "org.opencontainers.image.revision=$commit"
done
for step in "$@"; do
    "$engine" image inspect --format '{{index .RepoTags 0}}  {{.Size}} bytes' "localhost/withanyone-$step:$version"
done
