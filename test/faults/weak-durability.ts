/**
 * Preloaded for the positive control: SQLite with `synchronous=NORMAL`, which says FULL when it is asked. A power cut then
 * loses what was acknowledged, and a suite that does not notice proves nothing.
 */
import { DatabaseSync } from 'node:sqlite';

const { exec, prepare } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function weaken(sql) {
  exec.call(this, sql.replaceAll(/synchronous = FULL/g, 'synchronous = NORMAL'));
};

DatabaseSync.prototype.prepare = function pretend(sql, ...more) {
  return prepare.call(this, sql === 'PRAGMA synchronous' ? 'SELECT 2 AS synchronous' : sql, ...more);
};
