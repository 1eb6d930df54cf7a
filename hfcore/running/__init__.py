"""How notebooks are executed, protected, published: kernels, batch, site under a lock."""
