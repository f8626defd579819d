"""Decision tables: what law or policy fixes, in rows that people read. Light: no model, no numpy."""
