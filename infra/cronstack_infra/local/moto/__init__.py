"""How moto is patched, and the only place that reads its private members."""
