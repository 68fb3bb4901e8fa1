"""The detector that the tiny jobs share, loaded as this is imported: to compile it takes as long as such a job.

No training changes it. Forks come of a process that has imported this, and torch's threads would not come with them.
"""

import torch

from model.faces.detector import Detector

torch.set_num_threads(1)
DETECTOR = Detector.load()
