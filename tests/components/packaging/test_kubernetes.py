"""The manifest: what a validator says of it, and that its parts agree with one another and with the service."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from components.packaging import limits, loading
from components.packaging.service import FREE
from components.packaging.settings import PREFIX, ServiceSettings

PARTS = list(yaml.safe_load_all(Path(loading.__file__).with_name("kubernetes.yaml").read_text()))
KINDS: dict[str, Any] = {part["kind"]: part for part in PARTS}
POD = KINDS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


@pytest.mark.parametrize("part", PARTS, ids=[part["kind"] for part in PARTS])
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_each_part_is_valid(part: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(part, version, strict=True)


def test_the_validator_sees_a_fault() -> None:
    wrong = {**KINDS["Service"], "spec": {**KINDS["Service"]["spec"], "ports": "3000"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_all_parts_mean_the_same_pods() -> None:
    labels = KINDS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    chosen = [
        KINDS["Deployment"]["spec"]["selector"]["matchLabels"],
        KINDS["Service"]["spec"]["selector"],
        KINDS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert chosen == [labels] * 3
    target = KINDS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", KINDS["Deployment"]["metadata"]["name"])
    (port,) = CONTAINER["ports"]
    assert KINDS["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == port["containerPort"]
    assert KINDS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]


def test_probes_need_no_token_and_the_end_outlives_a_request() -> None:
    probes = [CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")]
    assert probes == ["/readyz", "/readyz", "/livez"]
    assert set(probes) <= set(FREE)
    assert POD["terminationGracePeriodSeconds"] >= limits.SECONDS + int(
        CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1]
    )


def test_every_setting_that_it_makes_is_known_and_mounted() -> None:
    values = {entry["name"]: entry["value"] for entry in CONTAINER["env"]}
    ours = {name.removeprefix(PREFIX).lower() for name in values if name.startswith(PREFIX)}
    assert {"tokens", "forgotten"} <= ours <= set(ServiceSettings.model_fields)
    mounts = [mount["mountPath"] for mount in CONTAINER["volumeMounts"]]
    assert [value for value in values.values() if not value.startswith(tuple(mounts))] == []
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}
