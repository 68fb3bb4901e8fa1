#!/bin/sh
# Install a lock as it is below a folder, such as /opt/role; what the environment has already stays there: install-lock FOLDER LOCK
set -eu
pip install --prefix "$1" --no-deps --use-pep517 --requirement "$2"
