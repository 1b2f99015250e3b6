-- Version 2: adapters, and runs of a model that wears one.

-- A LoRA adapter that was trained here. The key is of base, data, recipe and kernel: the same training is found again.
CREATE TABLE adapter (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  model_id INTEGER NOT NULL REFERENCES model(id),      -- the base
  machine_id INTEGER NOT NULL REFERENCES machine(id),
  name TEXT NOT NULL,
  hash TEXT NOT NULL,                 -- SHA-256 of the adapter's file
  data TEXT NOT NULL,                 -- name of the training data
  data_hash TEXT NOT NULL,
  recipe TEXT NOT NULL CHECK (json_valid(recipe)),
  result TEXT NOT NULL CHECK (json_valid(result)),     -- losses of all steps and evaluations, time, memory, path
  created_at TEXT NOT NULL
) STRICT;

ALTER TABLE run ADD COLUMN adapter_id INTEGER REFERENCES adapter(id);  -- NULL: the base alone
