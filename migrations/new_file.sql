-- What the revisions amount to on SQLite; tandem_store.database.new_file runs it.
-- Written by `make docs` from a file that they made. A new revision is written in versions/.

CREATE TABLE tandem_store_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT tandem_store_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE automation_snapshots (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	schema_version INTEGER NOT NULL, 
	encoding TEXT NOT NULL, 
	document BLOB NOT NULL, 
	CONSTRAINT pk_automation_snapshots PRIMARY KEY (id), 
	CONSTRAINT uq_automation_snapshots_digest UNIQUE (digest)
);
CREATE TABLE runs (
	run_id TEXT NOT NULL, 
	month INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	org_id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	deployment_id TEXT, 
	automation_id TEXT NOT NULL, 
	trigger_type TEXT NOT NULL, 
	status TEXT NOT NULL, 
	stop_kind TEXT, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	started_at_ms BIGINT, 
	finished_at_ms BIGINT, 
	completed_nodes INTEGER, 
	pending_nodes INTEGER, 
	blocked_nodes INTEGER, 
	failed_node TEXT, 
	failure_reason TEXT, 
	detail TEXT, 
	prompt_tokens BIGINT, 
	completion_tokens BIGINT, 
	total_tokens BIGINT, 
	estimated_cost_usd DOUBLE, 
	snapshot_id INTEGER, 
	imported BOOLEAN NOT NULL, 
	claimed_by TEXT, 
	claim_epoch INTEGER DEFAULT 0 NOT NULL, 
	claim_expires_at_ms BIGINT, claim_token BIGINT, automation_name TEXT, workspace_root TEXT, execution_profile TEXT, definition_version TEXT, duration_ms BIGINT, waits_for TEXT, waits_for_detail TEXT, gate_node TEXT, gate_requested_at_ms BIGINT, gate_expires_at_ms BIGINT, not_due_before_ms BIGINT, last_event TEXT, last_event_at_ms BIGINT, attempts BIGINT, nodes_attempted INTEGER, outputs_failed_validation INTEGER, needs_repair BOOLEAN, gates_decided INTEGER, 
	CONSTRAINT pk_runs PRIMARY KEY (run_id), 
	CONSTRAINT uq_runs_run_id_month UNIQUE (run_id, month), 
	CONSTRAINT ck_runs_revision CHECK (revision >= 1), 
	CONSTRAINT ck_runs_upgraded_restart_older_services CHECK (schema_version >= 2), 
	CONSTRAINT fk_runs_snapshot_id_automation_snapshots FOREIGN KEY(snapshot_id) REFERENCES automation_snapshots (id)
);
CREATE INDEX ix_runs_created ON runs (created_at_ms, run_id);
CREATE INDEX ix_runs_automation ON runs (automation_id, created_at_ms, run_id);
CREATE INDEX ix_runs_status ON runs (status, created_at_ms, run_id);
CREATE INDEX ix_runs_tenant ON runs (org_id, workspace_id, created_at_ms, run_id);
CREATE INDEX ix_runs_snapshot ON runs (snapshot_id) WHERE snapshot_id IS NOT NULL;
CREATE TABLE run_documents (
	run_id TEXT NOT NULL, 
	month INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	encoding TEXT NOT NULL, 
	document BLOB NOT NULL, 
	CONSTRAINT pk_run_documents PRIMARY KEY (run_id), 
	CONSTRAINT fk_run_documents_run_id_month_runs FOREIGN KEY(run_id, month) REFERENCES runs (run_id, month) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE automations (
	automation_id TEXT NOT NULL, 
	schema_version INTEGER NOT NULL, 
	name TEXT, 
	status TEXT, 
	updated_at_ms BIGINT, 
	digest BLOB NOT NULL, 
	encoding TEXT NOT NULL, 
	document BLOB NOT NULL, 
	CONSTRAINT pk_automations PRIMARY KEY (automation_id)
);
CREATE TABLE months (
	month INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	attached_at_ms BIGINT NOT NULL, 
	detached_at_ms BIGINT, 
	CONSTRAINT pk_months PRIMARY KEY (month), 
	CONSTRAINT ck_months_state CHECK (state IN ('attached', 'detached'))
);
CREATE TABLE imports (
	id INTEGER NOT NULL, 
	root TEXT NOT NULL, 
	state TEXT NOT NULL, 
	strict BOOLEAN NOT NULL, 
	started_at_ms BIGINT NOT NULL, 
	finished_at_ms BIGINT, 
	tool_version TEXT NOT NULL, 
	CONSTRAINT pk_imports PRIMARY KEY (id), 
	CONSTRAINT ck_imports_state CHECK (state IN ('scanning', 'settling', 'done'))
);
CREATE TABLE import_directories (
	id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	CONSTRAINT pk_import_directories PRIMARY KEY (id), 
	CONSTRAINT uq_import_directories_path UNIQUE (path)
);
CREATE TABLE import_files (
	id INTEGER NOT NULL, 
	directory_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	import_id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	complete BOOLEAN NOT NULL, 
	CONSTRAINT pk_import_files PRIMARY KEY (id), 
	CONSTRAINT uq_import_files_directory_id_name UNIQUE (directory_id, name), 
	CONSTRAINT fk_import_files_directory_id_import_directories FOREIGN KEY(directory_id) REFERENCES import_directories (id), 
	CONSTRAINT fk_import_files_import_id_imports FOREIGN KEY(import_id) REFERENCES imports (id)
);
CREATE TABLE import_entries (
	id INTEGER NOT NULL, 
	import_id INTEGER NOT NULL, 
	file_id INTEGER NOT NULL, 
	seen_import_id INTEGER NOT NULL, 
	ordinal BIGINT NOT NULL, 
	start BIGINT, 
	value BIGINT, 
	stop BIGINT, 
	"key" TEXT, 
	run_id TEXT, 
	digest BLOB NOT NULL, 
	month INTEGER, 
	kind SMALLINT, 
	tenant BLOB, 
	automation BLOB, 
	updated_at_ms BIGINT, 
	outputs INTEGER, 
	parts SMALLINT, 
	outcome TEXT, 
	reason TEXT, 
	revision INTEGER, 
	CONSTRAINT pk_import_entries PRIMARY KEY (id), 
	CONSTRAINT fk_import_entries_import_id_imports FOREIGN KEY(import_id) REFERENCES imports (id), 
	CONSTRAINT fk_import_entries_file_id_import_files FOREIGN KEY(file_id) REFERENCES import_files (id)
);
CREATE INDEX ix_import_entries_file ON import_entries (file_id, ordinal);
CREATE INDEX ix_import_entries_run ON import_entries (run_id);
CREATE INDEX ix_import_entries_open ON import_entries (import_id, run_id) WHERE outcome IS NULL;
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	import_id INTEGER, 
	entry_id INTEGER, 
	path TEXT NOT NULL, 
	layout TEXT NOT NULL, 
	"key" TEXT, 
	start BIGINT, 
	stop BIGINT, 
	digest BLOB NOT NULL, 
	reason TEXT NOT NULL, 
	message TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	encoding TEXT, 
	raw BLOB, 
	kept_in_source BOOLEAN NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	discarded_at_ms BIGINT, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id), 
	CONSTRAINT fk_quarantine_import_id_imports FOREIGN KEY(import_id) REFERENCES imports (id), 
	CONSTRAINT fk_quarantine_entry_id_import_entries FOREIGN KEY(entry_id) REFERENCES import_entries (id)
);
CREATE INDEX ix_quarantine_digest ON quarantine (digest);
CREATE INDEX ix_runs_deployment ON runs (org_id, workspace_id, deployment_id, created_at_ms, run_id);
CREATE INDEX ix_runs_leases ON runs (status, claim_expires_at_ms) WHERE claimed_by IS NOT NULL;
CREATE TABLE deleted_runs (
	run_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	deleted_at_ms BIGINT NOT NULL, 
	CONSTRAINT pk_deleted_runs PRIMARY KEY (run_id)
);
CREATE TABLE backups (
	id INTEGER NOT NULL, 
	taken_at_ms BIGINT NOT NULL, 
	location TEXT NOT NULL, 
	runs BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	CONSTRAINT pk_backups PRIMARY KEY (id)
);
CREATE TABLE dictionaries (
	id BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	encoding TEXT NOT NULL, 
	content BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	CONSTRAINT pk_dictionaries PRIMARY KEY (id)
);
CREATE TABLE month_dictionaries (
	month INTEGER NOT NULL, 
	dictionary_id BIGINT NOT NULL, 
	CONSTRAINT pk_month_dictionaries PRIMARY KEY (month, dictionary_id), 
	CONSTRAINT fk_month_dictionaries_dictionary_id_dictionaries FOREIGN KEY(dictionary_id) REFERENCES dictionaries (id)
);
CREATE TABLE archives (
	id INTEGER NOT NULL, 
	month INTEGER NOT NULL, 
	location TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	runs BIGINT NOT NULL, 
	bytes BIGINT NOT NULL, 
	begun_at_ms BIGINT NOT NULL, 
	detached_at_ms BIGINT, 
	drop_due_at_ms BIGINT, 
	dropped_at_ms BIGINT, 
	CONSTRAINT pk_archives PRIMARY KEY (id)
);
CREATE TABLE detached_runs (
	run_id TEXT NOT NULL, 
	archive_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	org_id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	deployment_id TEXT, 
	automation_id TEXT NOT NULL, 
	CONSTRAINT pk_detached_runs PRIMARY KEY (run_id), 
	CONSTRAINT fk_detached_runs_archive_id_archives FOREIGN KEY(archive_id) REFERENCES archives (id)
);
CREATE INDEX ix_detached_runs_archive ON detached_runs (archive_id);
CREATE TABLE month_totals (
	id INTEGER NOT NULL, 
	archive_id INTEGER NOT NULL, 
	day_ms BIGINT NOT NULL, 
	automation_id TEXT NOT NULL, 
	org_id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	deployment_id TEXT, 
	status TEXT NOT NULL, 
	trigger_type TEXT NOT NULL, 
	runs BIGINT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	total_tokens BIGINT NOT NULL, 
	estimated_cost_usd DOUBLE NOT NULL, 
	CONSTRAINT pk_month_totals PRIMARY KEY (id), 
	CONSTRAINT fk_month_totals_archive_id_archives FOREIGN KEY(archive_id) REFERENCES archives (id)
);
CREATE INDEX ix_month_totals_archive ON month_totals (archive_id);
CREATE TABLE holds (
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	why TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	CONSTRAINT pk_holds PRIMARY KEY (kind, name), 
	CONSTRAINT ck_holds_kind CHECK (kind IN ('run', 'automation'))
);
CREATE TABLE archive_origins (
	month INTEGER NOT NULL, 
	store TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	runs BIGINT NOT NULL, 
	quarantined BIGINT NOT NULL, 
	made_at_ms BIGINT NOT NULL, 
	tool_version TEXT NOT NULL, 
	CONSTRAINT pk_archive_origins PRIMARY KEY (month)
);
CREATE VIEW runs_readable AS SELECT runs.run_id, printf('%04d-%02d', runs.month / 100, runs.month % 100) AS month, runs.status, runs.automation_id, runs.org_id, runs.workspace_id, runs.deployment_id, runs.trigger_type, runs.stop_kind, strftime('%Y-%m-%dT%H:%M:%fZ', runs.created_at_ms / (1000.0 + 0.0), 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', runs.updated_at_ms / (1000.0 + 0.0), 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', runs.started_at_ms / (1000.0 + 0.0), 'unixepoch') AS started_at, strftime('%Y-%m-%dT%H:%M:%fZ', runs.finished_at_ms / (1000.0 + 0.0), 'unixepoch') AS finished_at, (runs.finished_at_ms - runs.started_at_ms) / (1000.0 + 0.0) AS duration_s, runs.completed_nodes, runs.pending_nodes, runs.blocked_nodes, runs.failed_node, runs.failure_reason, runs.detail, runs.prompt_tokens, runs.completion_tokens, runs.total_tokens, runs.estimated_cost_usd, runs.claimed_by, runs.revision 
FROM runs;
CREATE VIEW totals_by_day AS SELECT strftime('%Y-%m-%d', together.day_ms / (1000.0 + 0.0), 'unixepoch') AS day, together.status, together.automation_id, together.org_id, together.workspace_id, together.deployment_id, together.trigger_type, together.runs, together.prompt_tokens, together.completion_tokens, together.total_tokens, together.estimated_cost_usd, together.attached 
FROM (SELECT (runs.created_at_ms / 86400000) * 86400000 AS day_ms, runs.status AS status, runs.automation_id AS automation_id, runs.org_id AS org_id, runs.workspace_id AS workspace_id, runs.deployment_id AS deployment_id, runs.trigger_type AS trigger_type, count(*) AS runs, sum(runs.prompt_tokens) AS prompt_tokens, sum(runs.completion_tokens) AS completion_tokens, sum(runs.total_tokens) AS total_tokens, sum(runs.estimated_cost_usd) AS estimated_cost_usd, 1 AS attached 
FROM runs GROUP BY (runs.created_at_ms / 86400000) * 86400000, runs.status, runs.automation_id, runs.org_id, runs.workspace_id, runs.deployment_id, runs.trigger_type UNION ALL SELECT month_totals.day_ms AS day_ms, month_totals.status AS status, month_totals.automation_id AS automation_id, month_totals.org_id AS org_id, month_totals.workspace_id AS workspace_id, month_totals.deployment_id AS deployment_id, month_totals.trigger_type AS trigger_type, month_totals.runs AS runs, month_totals.prompt_tokens AS prompt_tokens, month_totals.completion_tokens AS completion_tokens, month_totals.total_tokens AS total_tokens, month_totals.estimated_cost_usd AS estimated_cost_usd, 0 
FROM month_totals) AS together;
CREATE INDEX ix_runs_updated ON runs (updated_at_ms, run_id);
CREATE INDEX ix_runs_finished ON runs (finished_at_ms, run_id);
CREATE INDEX ix_runs_duration ON runs (duration_ms, run_id);
CREATE INDEX ix_runs_cost ON runs (estimated_cost_usd, run_id);
CREATE INDEX ix_runs_tokens ON runs (total_tokens, run_id);
CREATE INDEX ix_runs_month ON runs (month);
CREATE INDEX ix_runs_owner ON runs (org_id, workspace_id, automation_id);
CREATE INDEX ix_runs_due ON runs (not_due_before_ms) WHERE not_due_before_ms IS NOT NULL;
CREATE INDEX ix_runs_waiting ON runs (waits_for, gate_requested_at_ms, run_id) WHERE waits_for IS NOT NULL;
CREATE INDEX ix_runs_statistics ON runs (created_at_ms, automation_id, status, trigger_type, prompt_tokens, completion_tokens, total_tokens, estimated_cost_usd, duration_ms);
CREATE INDEX ix_runs_queue ON runs (status, imported, created_at_ms, run_id, not_due_before_ms) WHERE status = 'queued' AND claimed_by IS NULL;
INSERT INTO tandem_store_version (version_num) VALUES ('0007');
