/**
 * Tables of the record on SQLite. Clear columns are few and say nothing medical: who is meant is a record-local id, what
 * was measured is sealed. Everything that must be true together is written in one transaction.
 */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS patients (
  id TEXT PRIMARY KEY,              -- record-local, random; the only patient id in any URL
  subject BLOB NOT NULL UNIQUE,     -- thumbprint of the patient's first key
  public_key BLOB NOT NULL,         -- that key; consent events are checked from it
  key BLOB NOT NULL,                -- per-patient key, wrapped by the key-encryption key
  profile BLOB NOT NULL             -- name and the like, sealed with the patient's key
) STRICT;

CREATE TABLE IF NOT EXISTS practitioners (
  id TEXT PRIMARY KEY,
  profile BLOB NOT NULL             -- sealed with the key-encryption key
) STRICT;

CREATE TABLE IF NOT EXISTS agents (
  id TEXT PRIMARY KEY,
  public_key BLOB NOT NULL,
  enrolment BLOB NOT NULL,          -- COSE_Sign1 by the service
  credential_hash BLOB NOT NULL,    -- SHA-256 of the broker password (256 random bits)
  command_number INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS awaited (
  agent TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL         -- of a batch that was asked for, because one after it came first
) STRICT;

CREATE TABLE IF NOT EXISTS assignments (
  agent TEXT NOT NULL,
  patient TEXT NOT NULL,
  handle BLOB NOT NULL,             -- device handle in this patient's leaves; no address is kept
  PRIMARY KEY (agent, patient, handle)
) STRICT;

CREATE TABLE IF NOT EXISTS gateways (
  agent TEXT NOT NULL,
  patient TEXT NOT NULL,            -- may pair wearables with this agent
  PRIMARY KEY (agent, patient)
) STRICT;
INSERT OR IGNORE INTO gateways SELECT DISTINCT agent, patient FROM assignments;

CREATE TABLE IF NOT EXISTS unpaired (
  agent TEXT NOT NULL,
  patient TEXT NOT NULL,
  handle BLOB NOT NULL,             -- of an assignment that was ended: the agent may deliver, and nothing is kept
  PRIMARY KEY (agent, patient, handle)
) STRICT;

CREATE TABLE IF NOT EXISTS enrolment_codes (
  code_hash BLOB PRIMARY KEY,
  assignments BLOB NOT NULL,        -- sealed with the key-encryption key
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS batches (
  id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  signed_header BLOB NOT NULL,
  leaf_hashes BLOB NOT NULL,        -- 32 octets each
  withheld INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  filed_at INTEGER NOT NULL,
  commitment BLOB NOT NULL,
  UNIQUE (agent, sequence)
) STRICT;

CREATE TABLE IF NOT EXISTS segments (
  patient TEXT NOT NULL,
  kind INTEGER NOT NULL,            -- number of the leaf kind
  vital INTEGER NOT NULL,
  batch TEXT NOT NULL,
  first_leaf INTEGER NOT NULL,
  last_leaf INTEGER NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL,
  leaves INTEGER NOT NULL,
  test INTEGER NOT NULL,
  key BLOB NOT NULL,                -- per-segment key, wrapped by the patient's
  sealed BLOB NOT NULL,
  PRIMARY KEY (batch, first_leaf)
) STRICT;
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (patient, kind, vital, to_at);

CREATE TABLE IF NOT EXISTS batch_counts (  -- what became of a patient's readings in a batch
  batch TEXT NOT NULL,
  patient TEXT NOT NULL,
  doubles INTEGER NOT NULL,         -- were in the record before
  withheld INTEGER NOT NULL,        -- consent did not allow to keep
  PRIMARY KEY (batch, patient)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS filed_keys (
  patient TEXT NOT NULL,
  key BLOB NOT NULL,                -- keyed hash of what makes a reading itself
  PRIMARY KEY (patient, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS latest (
  patient TEXT NOT NULL,
  vital INTEGER NOT NULL,
  device BLOB NOT NULL,
  measured_at INTEGER NOT NULL,
  reading TEXT NOT NULL,
  PRIMARY KEY (patient, vital, device)
) STRICT;

CREATE TABLE IF NOT EXISTS latest_untimed (  -- of readings whose time is not known: shown where there is no other
  patient TEXT NOT NULL,
  vital INTEGER NOT NULL,
  device BLOB NOT NULL,
  measured_at INTEGER NOT NULL,
  reading TEXT NOT NULL,
  PRIMARY KEY (patient, vital, device)
) STRICT;

CREATE TABLE IF NOT EXISTS devices (
  patient TEXT NOT NULL,
  handle BLOB NOT NULL,
  batch TEXT NOT NULL,
  leaf INTEGER NOT NULL,
  heard_at INTEGER NOT NULL,
  PRIMARY KEY (patient, handle)
) STRICT;

CREATE TABLE IF NOT EXISTS consents (
  patient TEXT NOT NULL,
  seq INTEGER NOT NULL,
  sealed BLOB NOT NULL,             -- the signed event, sealed with the patient's key
  PRIMARY KEY (patient, seq)
) STRICT;

CREATE TABLE IF NOT EXISTS disclosures (
  patient TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  at INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (patient, seq)
) STRICT;

CREATE TABLE IF NOT EXISTS disclosure_heads (
  patient TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,             -- newest entry whose hash is on its way to the log
  id BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS corrections (
  patient TEXT NOT NULL,
  batch TEXT NOT NULL,
  leaf INTEGER NOT NULL,            -- of the reading that is corrected
  seq INTEGER NOT NULL,             -- from 1, per reading; the last one counts
  sealed BLOB NOT NULL,             -- the service's signed statement, sealed with the patient's key
  PRIMARY KEY (batch, leaf, seq)
) STRICT;
CREATE INDEX IF NOT EXISTS corrections_by_patient ON corrections (patient);

CREATE TABLE IF NOT EXISTS tombstones (  -- segments that were erased; nothing here is a patient's
  batch TEXT NOT NULL,
  first_leaf INTEGER NOT NULL,
  last_leaf INTEGER NOT NULL,
  erased_at INTEGER NOT NULL,
  owner BLOB NOT NULL,              -- keyed hash over subject and place: known to who brings the subject
  PRIMARY KEY (batch, first_leaf)
) STRICT;

CREATE TABLE IF NOT EXISTS erasures (
  id BLOB PRIMARY KEY,              -- random; told to who asked
  mark BLOB NOT NULL,               -- hash over id and subject
  erased_at INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  leaves INTEGER NOT NULL,
  statements BLOB,                  -- what was verified; NULL until then
  number INTEGER NOT NULL DEFAULT 0,
  certificate BLOB                  -- the newest, COSE_Sign1 by the service
) STRICT;

CREATE TABLE IF NOT EXISTS erasure_agents (
  erasure BLOB NOT NULL,
  agent TEXT NOT NULL,
  confirmed_at INTEGER,             -- NULL: pending
  PRIMARY KEY (erasure, agent)
) STRICT;

CREATE TABLE IF NOT EXISTS commitments (
  commitment BLOB PRIMARY KEY,
  sent INTEGER NOT NULL DEFAULT 0,  -- 1: the journal has it (transactional outbox)
  log_index INTEGER                 -- where it is in the log, once a signed checkpoint covers it
) STRICT;
CREATE INDEX IF NOT EXISTS commitments_unsent ON commitments (sent) WHERE sent = 0;

CREATE TABLE IF NOT EXISTS key_events (
  number INTEGER PRIMARY KEY,       -- the order in which they took effect
  agent TEXT NOT NULL,              -- whose key it is about
  kind TEXT NOT NULL,               -- rotation, revocation, admission
  about TEXT NOT NULL,              -- rotation: the agent that follows; admission: the batch; revocation: nothing
  signed BLOB NOT NULL,             -- COSE_Sign1 by the service
  commitment BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS key_events_once ON key_events (agent, kind, about);
CREATE UNIQUE INDEX IF NOT EXISTS key_events_one ON key_events (agent, kind) WHERE kind <> 'admission';
CREATE UNIQUE INDEX IF NOT EXISTS key_events_successor ON key_events (about) WHERE kind = 'rotation';

CREATE TABLE IF NOT EXISTS rotation_wishes (
  agent TEXT PRIMARY KEY,           -- an operator asked for a new key; gone once it is there
  wished_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS quarantine (
  batch TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  signed_header BLOB NOT NULL,      -- stays as a tombstone of a batch that was rejected
  held BLOB,                        -- as in the inbox, sealed; gone once people have decided
  decision TEXT,                    -- accepted, rejected; NULL: waits for people
  decided_at INTEGER,
  told INTEGER NOT NULL DEFAULT 0   -- 1: the service has acted on the decision
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS quarantine_by_sequence ON quarantine (agent, sequence);

CREATE TABLE IF NOT EXISTS forks (
  number INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  found_at INTEGER NOT NULL,
  batch TEXT NOT NULL UNIQUE,       -- the one that was refused
  taken_header BLOB,                -- COSE_Sign1 of the batch that was taken
  header BLOB NOT NULL,             -- COSE_Sign1 of the one that was refused
  envelope BLOB NOT NULL            -- as it came, sealed to the service; empty once a patient of the agent is erased
) STRICT;

CREATE TABLE IF NOT EXISTS unreadable (
  batch TEXT PRIMARY KEY,           -- as the inbox names it
  agent TEXT NOT NULL,
  sequence INTEGER NOT NULL,        -- its place in the agent's chain; 0 once what belongs there is filed
  found_at INTEGER NOT NULL,
  body BLOB NOT NULL                -- as it was in the inbox, altered; empty once that is so, or a patient is erased
) STRICT;
CREATE INDEX IF NOT EXISTS unreadable_by_sequence ON unreadable (agent, sequence);

CREATE TABLE IF NOT EXISTS request_nonces (  -- of signed requests that were used; says nothing of whom
  number INTEGER PRIMARY KEY,
  nonce BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL               -- when the request was signed, by its signer's clock
) STRICT;

CREATE TABLE IF NOT EXISTS request_minutes (
  minute INTEGER PRIMARY KEY        -- since 1970, in which a request was signed whose nonce was forgotten
) STRICT;

CREATE TABLE IF NOT EXISTS frozen (
  agent TEXT PRIMARY KEY,           -- signed two histories; until people decide
  since INTEGER NOT NULL
) STRICT;
`;
