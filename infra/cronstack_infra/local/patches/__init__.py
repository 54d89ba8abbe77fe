"""All patches of moto: ``table`` lists them, ``install`` applies them, ``probes`` demonstrate the defects.

The local cloud is moto with these patches. pyproject.toml pins the version of moto that they fit;
``cronstack conformance --patches --moto VERSION`` reports how they fit another version.
"""
