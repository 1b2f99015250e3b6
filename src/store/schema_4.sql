-- Version 4: what a model thought before it answered, several answers to an item, and how else an answer can end.
-- SQLite cannot change a CHECK: both tables are written anew. The triggers that keep rows go with the old ones, and
-- are made again after the last step.

CREATE TABLE new_answer (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run(id),
  item TEXT NOT NULL,                 -- the item's id in its task
  sample INTEGER NOT NULL DEFAULT 0,  -- 0, or which of several sampled answers
  prompt_hash TEXT NOT NULL,          -- of the token ids that the model saw
  prompt_tokens INTEGER NOT NULL,
  text TEXT NOT NULL,                 -- hostile: escape wherever it is shown
  thinking TEXT NOT NULL DEFAULT '',  -- what stood between the marks of thinking; hostile, too
  finish TEXT NOT NULL CHECK (finish IN ('stop', 'length', 'too_long', 'choice', 'refused', 'timeout', 'error')),
  generated_tokens INTEGER NOT NULL,  -- of both
  thinking_tokens INTEGER NOT NULL DEFAULT 0,
  seconds REAL NOT NULL,
  detail TEXT NOT NULL CHECK (json_valid(detail)),  -- choice log-likelihoods, the engine's error
  created_at TEXT NOT NULL,
  UNIQUE (run_id, item, sample)
) STRICT;
INSERT INTO new_answer (id, run_id, item, prompt_hash, prompt_tokens, text, finish, generated_tokens, seconds, detail,
                        created_at)
  SELECT id, run_id, item, prompt_hash, prompt_tokens, text, finish, generated_tokens, seconds, detail, created_at
  FROM answer;

-- An answer that could not be marked (a program where there is no sandbox) has no row here: it is "not run", until it
-- can be.
CREATE TABLE new_mark (
  id INTEGER PRIMARY KEY,
  answer_id INTEGER NOT NULL REFERENCES answer(id),
  scorer TEXT NOT NULL,               -- "numeric/1": name and version
  outcome TEXT NOT NULL CHECK (outcome IN ('right', 'wrong', 'unparsed', 'truncated', 'empty', 'thinking_only',
                                           'refused', 'too_long', 'timed_out', 'error')),
  extracted TEXT NOT NULL,            -- what the scorer read out of the answer
  value REAL CHECK (value BETWEEN 0 AND 1),  -- NULL: the scorer knows right and wrong only
  UNIQUE (answer_id, scorer)
) STRICT;
INSERT INTO new_mark (id, answer_id, scorer, outcome, extracted, value)
  SELECT id, answer_id, scorer, outcome, extracted, value FROM mark;

DROP TABLE mark;
DROP TABLE answer;
ALTER TABLE new_answer RENAME TO answer;
ALTER TABLE new_mark RENAME TO mark;
