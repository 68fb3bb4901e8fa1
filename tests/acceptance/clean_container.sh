#!/usr/bin/env bash
# Prove the README's commands on a machine that holds nothing but Python, git and make: a fresh container of IMAGE.
#
#   tests/acceptance/clean_container.sh IMAGE [TARGET...]     targets of the Makefile in order; default: setup run run test
#
# What is committed at HEAD is cloned inside. The container gets two CPUs, the caller's PIP_* variables and, for machines
# behind a proxy or with their own certificates, whatever CONTAINER_ARGS holds. Each target's seconds are printed at the end;
# a second `run` that takes more than 30 seconds fails, for then something was not cached.
set -euo pipefail

image=${1:?usage: clean_container.sh IMAGE [TARGET...]}
shift
[ "$#" -gt 0 ] || set -- setup run run test
engine=${ENGINE:-podman}
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
hand_over=$(mktemp -d)
trap 'rm -rf "$hand_over"' EXIT
git -C "$repository" bundle create --quiet "$hand_over/repository.bundle" HEAD

cat >"$hand_over/inside.sh" <<'INSIDE'
set -euo pipefail
git -c advice.detachedHead=false clone --quiet /hand_over/repository.bundle "$HOME/withanyone"
cd "$HOME/withanyone"
git log -1 --format='commit %h: %s'
python3 --version
report=()
runs=0
for target in "$@"; do
    echo "== make $target"
    start=$SECONDS
    make "$target"
    took=$((SECONDS - start))
    report+=("make $target: $took s")
    [ "$target" = run ] && runs=$((runs + 1))
    if [ "$target" = run ] && [ "$runs" -gt 1 ] && [ "$took" -gt 30 ]; then
        echo "the repeated run took $took s; it must take at most 30 s" >&2
        exit 1
    fi
done
echo "== all passed"
printf '%s\n' "${report[@]}"
INSIDE

# shellcheck disable=SC2086  # CONTAINER_ARGS is a list of arguments
"$engine" run --rm --cpus 2 --env 'PIP_*' ${CONTAINER_ARGS:-} --volume "$hand_over:/hand_over:ro" "$image" \
    bash /hand_over/inside.sh "$@"
