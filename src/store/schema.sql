-- The map of the program: one table per noun of the data flow
--   candidate → facts → fit → run → answer → mark → score → decision.
--
-- Rows are append-only: triggers refuse UPDATE and DELETE. Every row has a small integer `id`, shown to people as
-- TABLE-ID ("run-12", `loco show run-12`), and most have a `key`, the SHA-256 of all that identifies it, so that the
-- same work is found again and never done twice.

-- A model file, known by its content.
CREATE TABLE model (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,          -- SHA-256 of the file
  name TEXT NOT NULL,                 -- as the file or the policy calls it
  architecture TEXT NOT NULL,
  quantization TEXT NOT NULL,         -- "F16", "Q4_K_M" …
  parameters INTEGER NOT NULL,
  file_bytes INTEGER NOT NULL,
  facts TEXT NOT NULL CHECK (json_valid(facts)),
  base_hash TEXT,                     -- of the file it was quantized from, when we did it
  created_at TEXT NOT NULL
) STRICT;

-- Where a model was last seen, and with which size and time, so that an unchanged file is not hashed again.
-- A cache, not evidence: the one table whose rows may be replaced.
CREATE TABLE file_seen (
  path TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- A machine, known by what changes its speed. Speeds of different fingerprints are never averaged.
CREATE TABLE machine (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  processor TEXT NOT NULL,
  cores INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  system TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- A suite of items, known by its content.
CREATE TABLE task (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,          -- of the definition and the items
  name TEXT NOT NULL,
  scorer TEXT NOT NULL,
  items INTEGER NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- One model answering one task under fixed conditions. Complete when it has an answer for every item.
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  model_id INTEGER NOT NULL REFERENCES model(id),
  task_id INTEGER NOT NULL REFERENCES task(id),
  engine TEXT NOT NULL,               -- engine and build
  template_hash TEXT NOT NULL,
  sampler TEXT NOT NULL,              -- "greedy max_tokens=24"
  settings TEXT NOT NULL CHECK (json_valid(settings)),
  items INTEGER NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- What the model said to one item, raw. Never marked in place: marks are rows of their own.
CREATE TABLE answer (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run(id),
  item TEXT NOT NULL,                 -- the item's id in its task
  prompt_hash TEXT NOT NULL,          -- of the token ids that the model saw
  prompt_tokens INTEGER NOT NULL,
  text TEXT NOT NULL,                 -- hostile: escape wherever it is shown
  finish TEXT NOT NULL CHECK (finish IN ('stop', 'length', 'too_long', 'choice', 'error')),
  generated_tokens INTEGER NOT NULL,
  seconds REAL NOT NULL,
  detail TEXT NOT NULL CHECK (json_valid(detail)),  -- choice log-likelihoods, the engine's error
  created_at TEXT NOT NULL,
  UNIQUE (run_id, item)
) STRICT;

-- One scorer's verdict on one answer. Re-marking appends under a new scorer version.
CREATE TABLE mark (
  id INTEGER PRIMARY KEY,
  answer_id INTEGER NOT NULL REFERENCES answer(id),
  scorer TEXT NOT NULL,               -- "numeric/1": name and version
  outcome TEXT NOT NULL CHECK (outcome IN ('right', 'wrong', 'unparsed', 'truncated', 'empty', 'too_long', 'error')),
  extracted TEXT NOT NULL,            -- what the scorer read out of the answer
  UNIQUE (answer_id, scorer)
) STRICT;

-- One measured property of a model on a machine: a speed, a time, a memory peak.
CREATE TABLE measurement (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,                  -- of the conditions; repeated measurements share it
  model_id INTEGER NOT NULL REFERENCES model(id),
  machine_id INTEGER NOT NULL REFERENCES machine(id),
  kind TEXT NOT NULL,                 -- "practical" …
  engine TEXT NOT NULL,
  result TEXT NOT NULL CHECK (json_valid(result)),
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX measurement_by_key ON measurement (key);

-- A predicted memory need, with all its terms.
CREATE TABLE fit (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  model_id INTEGER NOT NULL REFERENCES model(id),
  result TEXT NOT NULL CHECK (json_valid(result)),
  created_at TEXT NOT NULL
) STRICT;

-- A figure somebody published. It prunes, it never decides.
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  candidate TEXT NOT NULL,            -- catalog id
  what TEXT NOT NULL,
  row TEXT NOT NULL CHECK (json_valid(row)),  -- value, interval, n, source, date, precision, revision
  created_at TEXT NOT NULL
) STRICT;

-- One hard rule applied to one candidate.
CREATE TABLE verdict (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  candidate TEXT NOT NULL,
  rule TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'unknown')),
  result TEXT NOT NULL CHECK (json_valid(result)),  -- value, limit, source, date, margin, would pass if
  created_at TEXT NOT NULL
) STRICT;

-- A decision, complete: what it was asked, what it rests on, what it says.
CREATE TABLE decision (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  policy TEXT NOT NULL,
  policy_hash TEXT NOT NULL,
  record TEXT NOT NULL CHECK (json_valid(record)),
  created_at TEXT NOT NULL
) STRICT;

-- Which rows a decision rests on.
CREATE TABLE decision_row (
  decision_id INTEGER NOT NULL REFERENCES decision(id),
  kind TEXT NOT NULL,                 -- table name
  row_id INTEGER NOT NULL,
  PRIMARY KEY (decision_id, kind, row_id)
) STRICT, WITHOUT ROWID;
