"""Outputs and exports of a stack: evaluated during its deployment, kept while another stack imports them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import Export, OutputMap, clean_json

from cronstack_infra.local.cloudformation.template.template import Template


def evaluate(resources: Any, template: Template, stack_id: str) -> OutputMap:
    """Return the outputs whose conditions hold. Raise any exception of an intrinsic function or of moto's classes."""
    conditions = resources.lazy_condition_map
    included = {
        name: output
        for name, output in (template.get("Outputs") or {}).items()
        if "Condition" not in output or conditions[output["Condition"]]
    }
    outputs = OutputMap(resources, {"Outputs": included}, stack_id)
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
    """Return the exports. Raise ValidationError if another stack has one, or if a used one would be lost or change."""
    exports = list(outputs.exports)
    backend = backend_of(stack)
    for export in exports:
        existing = backend.exports.get(export.name)
        if existing is not None and existing.exporting_stack_id != stack.stack_id:
            raise ValidationError(message=f"Export with name {export.name} is already exported by another stack.")
    keep_used_exports(stack, {export.name: export.value for export in exports})
    return exports


def keep_used_exports(stack: Any, kept: Mapping[str, Any]) -> None:
    """Raise ValidationError if an export that another stack imports would disappear or change."""
    backend = backend_of(stack)
    for name, export in backend.exports.items():
        if export.exporting_stack_id != stack.stack_id or kept.get(name) == export.value:
            continue
        users = [other.name for other in backend.stacks.values() if name in getattr(other, "imported", ())]
        if users:
            verb = "updated" if name in kept else "deleted"
            raise ValidationError(message=f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def replace_exports(stack: Any, exports: list[Export]) -> None:
    """Replace the exports of a stack."""
    registered = backend_of(stack).exports
    for name in [name for name, export in registered.items() if export.exporting_stack_id == stack.stack_id]:
        del registered[name]
    registered.update({export.name: export for export in exports})


def imported_names(resources: Any, template: Template) -> frozenset[str]:
    """Return the names of the exports that a template imports."""
    return frozenset(str(clean_json(name, resources)) for name in _import_names(template["Resources"]))


def backend_of(stack: Any) -> Any:
    """Return the backend of a stack."""
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
