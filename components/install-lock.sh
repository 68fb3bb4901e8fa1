#!/bin/sh
# Install a lock as it is; torch before the rest, with the CUDA libraries that its wheel asks for, where it is one that does.
set -eu
if grep -q '^torch==' "$1"; then
    pip install --constraint "$1" torch
fi
pip install --no-deps --use-pep517 --requirement "$1"
