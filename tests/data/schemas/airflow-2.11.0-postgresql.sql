CREATE TABLE dag (
    dag_id character varying(250) NOT NULL,
    root_dag_id character varying(250),
    is_paused boolean,
    is_subdag boolean,
    is_active boolean,
    last_parsed_time timestamp with time zone,
    last_pickled timestamp with time zone,
    last_expired timestamp with time zone,
    scheduler_lock boolean,
    pickle_id integer,
    fileloc character varying(2000),
    processor_subdir character varying(2000),
    owners character varying(2000),
    dag_display_name character varying(2000),
    description text,
    default_view character varying(25),
    schedule_interval text,
    timetable_description character varying(1000),
    dataset_expression json,
    max_active_tasks integer NOT NULL,
    max_active_runs integer,
    max_consecutive_failed_dag_runs integer NOT NULL,
    has_task_concurrency_limits boolean NOT NULL,
    has_import_errors boolean DEFAULT false,
    next_dagrun timestamp with time zone,
    next_dagrun_data_interval_start timestamp with time zone,
    next_dagrun_data_interval_end timestamp with time zone,
    next_dagrun_create_after timestamp with time zone
);
CREATE TABLE dag_run (
    id integer NOT NULL,
    dag_id character varying(250) NOT NULL,
    queued_at timestamp with time zone,
    execution_date timestamp with time zone NOT NULL,
    start_date timestamp with time zone,
    end_date timestamp with time zone,
    state character varying(50),
    run_id character varying(250) NOT NULL,
    creating_job_id integer,
    external_trigger boolean,
    run_type character varying(50) NOT NULL,
    conf bytea,
    data_interval_start timestamp with time zone,
    data_interval_end timestamp with time zone,
    last_scheduling_decision timestamp with time zone,
    dag_hash character varying(32),
    log_template_id integer,
    updated_at timestamp with time zone,
    clear_number integer DEFAULT 0 NOT NULL
);
CREATE SEQUENCE dag_run_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE dag_run_id_seq OWNED BY dag_run.id;
CREATE TABLE dag_tag (
    name character varying(100) NOT NULL,
    dag_id character varying(250) NOT NULL
);
CREATE TABLE dataset (
    id integer NOT NULL,
    uri character varying(3000) NOT NULL,
    extra json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    is_orphaned boolean DEFAULT false NOT NULL
);
CREATE TABLE dataset_event (
    id integer NOT NULL,
    dataset_id integer NOT NULL,
    extra json NOT NULL,
    source_task_id character varying(250),
    source_dag_id character varying(250),
    source_run_id character varying(250),
    source_map_index integer DEFAULT '-1'::integer,
    "timestamp" timestamp with time zone NOT NULL
);
CREATE SEQUENCE dataset_event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE dataset_event_id_seq OWNED BY dataset_event.id;
CREATE SEQUENCE dataset_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE dataset_id_seq OWNED BY dataset.id;
CREATE TABLE import_error (
    id integer NOT NULL,
    "timestamp" timestamp with time zone,
    filename character varying(1024),
    stacktrace text,
    processor_subdir character varying(2000)
);
CREATE SEQUENCE import_error_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE import_error_id_seq OWNED BY import_error.id;
CREATE TABLE job (
    id integer NOT NULL,
    dag_id character varying(250),
    state character varying(20),
    job_type character varying(30),
    start_date timestamp with time zone,
    end_date timestamp with time zone,
    latest_heartbeat timestamp with time zone,
    executor_class character varying(500),
    hostname character varying(500),
    unixname character varying(1000)
);
CREATE SEQUENCE job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE job_id_seq OWNED BY job.id;
CREATE TABLE log (
    id integer NOT NULL,
    dttm timestamp with time zone,
    dag_id character varying(250),
    task_id character varying(250),
    map_index integer,
    event character varying(60),
    execution_date timestamp with time zone,
    run_id character varying(250),
    owner character varying(500),
    owner_display_name character varying(500),
    extra text,
    try_number integer
);
CREATE SEQUENCE log_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE log_id_seq OWNED BY log.id;
CREATE TABLE slot_pool (
    id integer NOT NULL,
    pool character varying(256),
    slots integer,
    description text,
    include_deferred boolean NOT NULL
);
CREATE SEQUENCE slot_pool_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE slot_pool_id_seq OWNED BY slot_pool.id;
CREATE TABLE task_instance (
    task_id character varying(250) NOT NULL,
    dag_id character varying(250) NOT NULL,
    run_id character varying(250) NOT NULL,
    map_index integer DEFAULT '-1'::integer NOT NULL,
    start_date timestamp with time zone,
    end_date timestamp with time zone,
    duration double precision,
    state character varying(20),
    try_number integer,
    max_tries integer DEFAULT '-1'::integer,
    hostname character varying(1000),
    unixname character varying(1000),
    job_id integer,
    pool character varying(256) NOT NULL,
    pool_slots integer NOT NULL,
    queue character varying(256),
    priority_weight integer,
    operator character varying(1000),
    custom_operator_name character varying(1000),
    queued_dttm timestamp with time zone,
    queued_by_job_id integer,
    pid integer,
    executor character varying(1000),
    executor_config bytea,
    updated_at timestamp with time zone,
    rendered_map_index character varying(250),
    external_executor_id character varying(250),
    trigger_id integer,
    trigger_timeout timestamp without time zone,
    next_method character varying(1000),
    next_kwargs json,
    task_display_name character varying(2000)
);
CREATE TABLE trigger (
    id integer NOT NULL,
    classpath character varying(1000) NOT NULL,
    kwargs text NOT NULL,
    created_date timestamp with time zone NOT NULL,
    triggerer_id integer
);
CREATE SEQUENCE trigger_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trigger_id_seq OWNED BY trigger.id;
ALTER TABLE ONLY dag_run ALTER COLUMN id SET DEFAULT nextval('dag_run_id_seq'::regclass);
ALTER TABLE ONLY dataset ALTER COLUMN id SET DEFAULT nextval('dataset_id_seq'::regclass);
ALTER TABLE ONLY dataset_event ALTER COLUMN id SET DEFAULT nextval('dataset_event_id_seq'::regclass);
ALTER TABLE ONLY import_error ALTER COLUMN id SET DEFAULT nextval('import_error_id_seq'::regclass);
ALTER TABLE ONLY job ALTER COLUMN id SET DEFAULT nextval('job_id_seq'::regclass);
ALTER TABLE ONLY log ALTER COLUMN id SET DEFAULT nextval('log_id_seq'::regclass);
ALTER TABLE ONLY slot_pool ALTER COLUMN id SET DEFAULT nextval('slot_pool_id_seq'::regclass);
ALTER TABLE ONLY trigger ALTER COLUMN id SET DEFAULT nextval('trigger_id_seq'::regclass);
ALTER TABLE ONLY dag
    ADD CONSTRAINT dag_pkey PRIMARY KEY (dag_id);
ALTER TABLE ONLY dag_run
    ADD CONSTRAINT dag_run_dag_id_execution_date_key UNIQUE (dag_id, execution_date);
ALTER TABLE ONLY dag_run
    ADD CONSTRAINT dag_run_dag_id_run_id_key UNIQUE (dag_id, run_id);
ALTER TABLE ONLY dag_run
    ADD CONSTRAINT dag_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY dag_tag
    ADD CONSTRAINT dag_tag_pkey PRIMARY KEY (name, dag_id);
ALTER TABLE ONLY dataset_event
    ADD CONSTRAINT dataset_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY dataset
    ADD CONSTRAINT dataset_pkey PRIMARY KEY (id);
ALTER TABLE ONLY import_error
    ADD CONSTRAINT import_error_pkey PRIMARY KEY (id);
ALTER TABLE ONLY job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY log
    ADD CONSTRAINT log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY slot_pool
    ADD CONSTRAINT slot_pool_pkey PRIMARY KEY (id);
ALTER TABLE ONLY slot_pool
    ADD CONSTRAINT slot_pool_pool_uq UNIQUE (pool);
ALTER TABLE ONLY task_instance
    ADD CONSTRAINT task_instance_pkey PRIMARY KEY (dag_id, task_id, run_id, map_index);
ALTER TABLE ONLY trigger
    ADD CONSTRAINT trigger_pkey PRIMARY KEY (id);
CREATE INDEX dag_id_state ON dag_run USING btree (dag_id, state);
CREATE INDEX idx_dag_run_dag_id ON dag_run USING btree (dag_id);
CREATE INDEX idx_dag_run_queued_dags ON dag_run USING btree (state, dag_id) WHERE ((state)::text = 'queued'::text);
CREATE INDEX idx_dag_run_running_dags ON dag_run USING btree (state, dag_id) WHERE ((state)::text = 'running'::text);
CREATE INDEX idx_dag_tag_dag_id ON dag_tag USING btree (dag_id);
CREATE INDEX idx_dataset_id_timestamp ON dataset_event USING btree (dataset_id, "timestamp");
CREATE INDEX idx_job_dag_id ON job USING btree (dag_id);
CREATE INDEX idx_job_state_heartbeat ON job USING btree (state, latest_heartbeat);
CREATE INDEX idx_log_dag ON log USING btree (dag_id);
CREATE INDEX idx_log_dttm ON log USING btree (dttm);
CREATE INDEX idx_log_event ON log USING btree (event);
CREATE INDEX idx_log_task_instance ON log USING btree (dag_id, task_id, run_id, map_index, try_number);
CREATE INDEX idx_next_dagrun_create_after ON dag USING btree (next_dagrun_create_after);
CREATE INDEX idx_root_dag_id ON dag USING btree (root_dag_id);
CREATE UNIQUE INDEX idx_uri_unique ON dataset USING btree (uri);
CREATE INDEX job_type_heart ON job USING btree (job_type, latest_heartbeat);
CREATE INDEX ti_dag_run ON task_instance USING btree (dag_id, run_id);
CREATE INDEX ti_dag_state ON task_instance USING btree (dag_id, state);
CREATE INDEX ti_job_id ON task_instance USING btree (job_id);
CREATE INDEX ti_pool ON task_instance USING btree (pool, state, priority_weight);
CREATE INDEX ti_state ON task_instance USING btree (state);
CREATE INDEX ti_state_lkp ON task_instance USING btree (dag_id, task_id, run_id, state);
CREATE INDEX ti_trigger_id ON task_instance USING btree (trigger_id);
CREATE TABLE serialized_dag (
    dag_id VARCHAR(250) NOT NULL,
    fileloc VARCHAR(2000) NOT NULL,
    fileloc_hash BIGINT NOT NULL,
    data JSON,
    data_compressed BYTEA,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    dag_hash VARCHAR(32) NOT NULL,
    processor_subdir VARCHAR(2000),
    CONSTRAINT serialized_dag_pkey PRIMARY KEY (dag_id)
);
CREATE INDEX idx_fileloc_hash ON serialized_dag (fileloc_hash);
CREATE TABLE dag_schedule_dataset_reference (
    dataset_id INTEGER NOT NULL,
    dag_id VARCHAR(250) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT dsdr_pkey PRIMARY KEY (dataset_id, dag_id)
);
CREATE INDEX idx_dag_schedule_dataset_reference_dag_id ON dag_schedule_dataset_reference (dag_id);
CREATE TABLE task_outlet_dataset_reference (
    dataset_id INTEGER NOT NULL,
    dag_id VARCHAR(250) NOT NULL,
    task_id VARCHAR(250) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT todr_pkey PRIMARY KEY (dataset_id, dag_id, task_id)
);
CREATE INDEX idx_task_outlet_dataset_reference_dag_id ON task_outlet_dataset_reference (dag_id);
