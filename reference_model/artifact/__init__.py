"""The artifact: a deterministic container without pickle, its compressors, and the total that counts."""
