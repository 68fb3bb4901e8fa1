"""What the service's module brings in, which the server reads in its first process before a worker reads it again."""

import subprocess
import sys


def test_the_first_process_does_without_the_model() -> None:
    told = "import sys; import components.packaging.service; print({'torch', 'diffusers', 'cv2'} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
