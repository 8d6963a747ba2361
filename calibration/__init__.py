"""How much a phantom's slices resemble a real one: the same figures measured on both, and a classifier set on them."""
