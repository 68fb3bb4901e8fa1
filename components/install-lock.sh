#!/bin/sh
# Install a role's lock as it is into /opt/role; what the environment has already stays there.
set -eu
pip install --prefix /opt/role --no-deps --use-pep517 --requirement "$1"
