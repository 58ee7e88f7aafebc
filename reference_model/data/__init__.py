"""Token shards, tokenizers and byte accounting."""
