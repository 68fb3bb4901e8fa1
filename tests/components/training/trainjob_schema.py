"""The rules of the TrainJob's CRD (trainer.kubeflow.org/v1alpha1) for what we send, down to the pod of its nodes.

Objects are closed: a field that an API server would drop is found. No package carries the CRD itself. The pod is read
by Kubeflow's own models and by Kubernetes' schemas, which packages do carry.
"""

from typing import Any

Schema = dict[str, Any]
QUANTITY = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]*)?([KMGTPE]i|[numkMGTPE])?$"}
WORDS = {"type": "array", "maxItems": 128, "items": {"type": "string", "maxLength": 65536}}
INT32 = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}


def closed(required: str = "", **properties: Schema) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def text(longest: int, shortest: int = 0) -> Schema:
    return {"type": "string", "maxLength": longest, "minLength": shortest}


def array(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


QUANTITIES = {"type": "object", "additionalProperties": QUANTITY}
SECRET = closed("secretKeyRef", secretKeyRef=closed("key", name=text(253), key=text(253)))
VARIABLE = closed("name", name=text(253, 1), value=text(32768), valueFrom=SECRET)
TRAINER = closed(
    image=text(500),
    command=WORDS,
    args=WORDS,
    numNodes=INT32,
    numProcPerNode=INT32,
    env=array(VARIABLE, 128),
    resourcesPerNode=closed(limits=QUANTITIES, requests=QUANTITIES),
)
POD = closed(spec={"type": "object"})
REPLICATED = closed("name", name=text(253, 1), template=closed(spec=closed(template=POD)))
RUNTIME = closed(template=closed(spec=closed(replicatedJobs=array(REPLICATED, 100))))
TRAIN_JOB = closed(
    "apiVersion kind metadata spec",
    apiVersion={"const": "trainer.kubeflow.org/v1alpha1"},
    kind={"const": "TrainJob"},
    metadata=closed(
        "name",
        name={"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
        labels={"type": "object", "additionalProperties": text(63)},
    ),
    spec=closed(
        "runtimeRef",
        runtimeRef=closed("name", name=text(253, 1), kind=text(253), apiGroup=text(253)),
        activeDeadlineSeconds={"type": "integer", "minimum": 1},
        trainer=TRAINER,
        runtimePatches=array(closed("manager", manager=text(253, 1), trainingRuntimeSpec=RUNTIME), 16),
    ),
)
