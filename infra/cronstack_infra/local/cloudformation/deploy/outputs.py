"""Outputs and exports of a stack: evaluated when it is deployed, kept while another stack imports them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import Export, OutputMap, clean_json

from cronstack_infra.local.cloudformation.template.template import Template


def evaluated(resources: Any, template: Template, stack_id: str) -> OutputMap:
    """Return the outputs that conditions admit. Raises what an intrinsic function or a class of moto raises."""
    conditions = resources.lazy_condition_map
    wanted = {
        name: output
        for name, output in (template.get("Outputs") or {}).items()
        if "Condition" not in output or conditions[output["Condition"]]
    }
    outputs = OutputMap(resources, {"Outputs": wanted}, stack_id)
    for name in outputs:
        outputs[name]
    return outputs


def shown(outputs: OutputMap) -> tuple[dict[str, tuple[Any, Any]], dict[str, Any]]:
    """Return value and description of each output, and the value of each export."""
    values = {name: output for name in outputs if (output := outputs[name]) is not None}
    return (
        {name: (output.value, output.description) for name, output in values.items()},
        {export.name: export.value for export in outputs.exports},
    )


def exports_of(stack: Any, outputs: OutputMap) -> list[Export]:
    """Return the exports. Raises when one is another stack's, or when one in use would go or change."""
    exports = list(outputs.exports)
    backend = backend_of(stack)
    for export in exports:
        held = backend.exports.get(export.name)
        if held is not None and held.exporting_stack_id != stack.stack_id:
            raise ValidationError(message=f"Export with name {export.name} is already exported by another stack.")
    keep_used_exports(stack, {export.name: export.value for export in exports})
    return exports


def keep_used_exports(stack: Any, stay: Mapping[str, Any]) -> None:
    """Raise when an export that another stack imports does not stay as it is."""
    backend = backend_of(stack)
    for name, export in backend.exports.items():
        if export.exporting_stack_id != stack.stack_id or stay.get(name) == export.value:
            continue
        users = [other.name for other in backend.stacks.values() if name in getattr(other, "imported", ())]
        if users:
            verb = "updated" if name in stay else "deleted"
            raise ValidationError(message=f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def replace_exports(stack: Any, exports: list[Export]) -> None:
    """Make these the exports of a stack."""
    held = backend_of(stack).exports
    for name in [name for name, export in held.items() if export.exporting_stack_id == stack.stack_id]:
        del held[name]
    held.update({export.name: export for export in exports})


def imported(resources: Any, template: Template) -> frozenset[str]:
    """Return the names of the exports that a template imports."""
    return frozenset(str(clean_json(name, resources)) for name in _import_names(template["Resources"]))


def backend_of(stack: Any) -> Any:
    """Return the backend that holds a stack."""
    return models.cloudformation_backends[stack.account_id][stack.region_name]


def _import_names(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Fn::ImportValue":
                yield value
            else:
                yield from _import_names(value)
    elif isinstance(part, list):
        for value in part:
            yield from _import_names(value)
