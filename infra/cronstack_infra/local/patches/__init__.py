"""The patches of moto: what a patch is (``patch``), all of them (``table``), and a probe for each defect (``probes``).

The local cloud is moto with these patches. pyproject.toml pins the version of moto that they fit;
``cronstack conformance --patches --moto VERSION`` reports how they fit another version.
"""
