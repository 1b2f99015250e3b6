-- Version 3: marks with degrees.

ALTER TABLE mark ADD COLUMN value REAL CHECK (value BETWEEN 0 AND 1);  -- NULL: the scorer knows right and wrong only
