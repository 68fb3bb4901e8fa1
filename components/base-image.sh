#!/usr/bin/env bash
# Make the base image NAME of Debian's own packages, for machines that reach no registry of images: components/base-image.sh NAME
# Needs podman and mmdebstrap; about a minute.
set -euo pipefail
name=${1:?usage: base-image.sh NAME}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    bookworm "$folder/base.tar"
podman import --quiet -c 'ENV LANG=C.UTF-8' -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$folder/base.tar" "$name"
