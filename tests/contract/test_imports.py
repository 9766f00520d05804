"""What may import what, beside the walls that `make check` holds."""

from graphlib import TopologicalSorter

import grimp
import pytest


@pytest.mark.parametrize("package", ["models", "service", "training"])
def test_no_import_leads_back(package: str) -> None:
    """Of two modules one can be understood before the other; what is imported for types counts too."""
    graph = grimp.build_graph(package)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, which names the circle
