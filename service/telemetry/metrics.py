"""Metric objects, with labels from closed lists: never a workspace, a user or a word of text.

Every process has a page of its own, so counters and histograms are summed over processes. Gauges that are read from the
database (work, dead letters, lag, audit, chores, restoring) say the same on every page: of those the highest counts.
"""

from prometheus_client import Counter, Gauge, Histogram

QUERY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 15, 30, 45, 60)
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
COUNT_BUCKETS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 50)

QUERIES = Counter("ai_agent_queries", "Questions, by outcome.", ["language", "status"])
for _language in ("en", "he"):
    for _status in ("answered", "partial", "abstained", "degraded"):
        # Shown as 0 before the first, here and below: Prometheus sees no increase in a series that begins with one.
        QUERIES.labels(language=_language, status=_status)
CHATS_FAILED = Counter(
    "ai_agent_chats_failed",
    "Questions that got a failure of ours, or of what we stand on, in place of an answer.",
    ["code"],
)
for _code in (
    "internal",
    "store_away",
    "source_away",
    "out_of_time",
    "busy",
    "restoring",
    "key_away",
):
    CHATS_FAILED.labels(code=_code)
QUERY_SECONDS = Histogram(
    "ai_agent_query_duration_seconds",
    "From question to answer.",
    ["language"],
    buckets=QUERY_BUCKETS,
)
for _language in ("en", "he"):
    QUERY_SECONDS.labels(language=_language)
FIRST_TOKEN_SECONDS = Histogram(
    "ai_agent_first_token_seconds",
    "From question to the first verified sentence, where events are sent.",
    buckets=QUERY_BUCKETS,
)
EMBEDDING_SECONDS = Histogram(
    "ai_agent_embedding_duration_seconds", "One embed call.", ["model"], buckets=CALL_BUCKETS
)
QUERY_VECTORS = Counter(
    "ai_agent_query_vectors", "Looks for a question's vector of the last ten minutes.", ["outcome"]
)
EMBEDDING_ERRORS = Counter(
    "ai_agent_embedding_errors", "Failed embed calls.", ["error_type", "model"]
)
RETRIEVAL_SECONDS = Histogram(
    "ai_agent_retrieval_duration_seconds", "Search, pull and rerank.", buckets=CALL_BUCKETS
)
SOURCES_RETRIEVED = Histogram(
    "ai_agent_sources_retrieved", "Sessions handed to the model.", buckets=COUNT_BUCKETS
)
LLM_SECONDS = Histogram(
    "ai_agent_llm_duration_seconds", "One chat call.", ["model"], buckets=QUERY_BUCKETS
)
LLM_ERRORS = Counter("ai_agent_llm_errors", "Failed chat calls.", ["error_type", "model"])
LLM_TOKENS = Counter(
    "ai_agent_llm_tokens", "Tokens, as counted by the model.", ["model", "token_type"]
)
REFUSALS = Counter("ai_refusals", "Requests that were told no, by what was wrong.", ["code"])
RATE_LIMIT_HITS = Counter("ai_agent_rate_limit_hits", "Questions beyond the allowance.")
CHATS_SHED = Counter("ai_agent_chats_shed", "Questions refused at the bulkhead.", ["reason"])
for _reason in ("process", "workspace"):
    CHATS_SHED.labels(reason=_reason)
DEGRADED = Counter(
    "ai_agent_degraded_answers",
    "Answers that something stood in for a part of.",
    ["part", "reason"],
)
CITATIONS_RETURNED = Histogram(
    "ai_agent_citations_returned", "Citations of one answer.", buckets=COUNT_BUCKETS
)
LIKE_INSTRUCTIONS = Counter(
    "ai_agent_instruction_like",
    "Questions, and quotes in answers, that read like orders to a model; none is refused.",
    ["kind"],
)
CLAIMS_WITHHELD = Counter("ai_agent_claims_withheld", "Sentences not shown.", ["reason"])
CLAIMS_REPAIRED = Counter(
    "ai_agent_claims_repaired", "Sentences that the note's own words were shown for.", ["reason"]
)
ENTAILMENT_SECONDS = Histogram(
    "ai_agent_entailment_duration_seconds",
    "A sentence confirmed or not, retries included.",
    ["model"],
    buckets=CALL_BUCKETS,
)
FEEDBACK = Counter(
    "ai_agent_feedback", "Answers that were rated, by what was wrong.", ["rating", "reason"]
)
RISK_PINNED = Counter("ai_agent_risk_pinned", "Sentences on danger shown with an answer.", ["kind"])
STAGE_SECONDS = Histogram(
    "ai_agent_stage_duration_seconds", "One node of the graph.", ["stage"], buckets=CALL_BUCKETS
)
LIMITER_FALLBACKS = Counter("ai_agent_limiter_fallbacks", "Questions counted without Redis.")

PROVIDER_CALLS = Counter(
    "ai_provider_calls", "Attempts at a model provider, by outcome.", ["operation", "outcome"]
)
PROVIDER_TOKENS = Counter(
    "ai_provider_tokens",
    "Tokens read and written, and searches, as providers bill them; notes that are indexed included.",
    ["model", "kind"],
)
COST = Counter("ai_agent_cost_usd", "What models cost, by their prices.", ["model"])
BUDGET_EXHAUSTED = Counter(
    "ai_agent_budget_exhausted", "Questions answered without models that cost: the day's budget."
)
PROVIDER_IN_FLIGHT = Gauge(
    "ai_provider_in_flight", "Calls under way at a model provider.", ["provider"]
)
RETRIES = Counter("ai_retries", "Attempts repeated at a model provider.", ["operation"])
BREAKER_CHANGES = Counter(
    "ai_circuit_breaker_state_changes",
    "Changes of a circuit breaker's state.",
    ["circuit_breaker", "from_state", "to_state"],
)
BREAKER_OPEN = Gauge(
    "ai_circuit_breaker_open", "1 open, 0.5 half-open, 0 closed.", ["circuit_breaker"]
)

AUDIT_ROWS = Counter("ai_audit_rows", "Audit rows written.", ["action"])
AUDIT_BROKEN = Counter(
    "ai_audit_broken", "Chains not signed, because a row since the last signature is wrong."
)
AUDIT_CHAINS_BROKEN = Gauge(
    "ai_audit_chains_broken", "Chains that this worker's last round of signatures left unsigned."
)
AUDIT_ORPHANS = Counter("ai_audit_orphans", "Questions closed as unknown by the sweeper.")
AUDIT_WAITING = Gauge("ai_audit_waiting", "Audit rows that PazPaz does not have yet.")
OPEN_CHATS = Gauge("ai_audit_open_chats", "Questions without a closing row.")
OLDEST_OPEN_CHAT = Gauge("ai_audit_oldest_open_chat_seconds", "Age of the oldest of them.")
AUDIT_FORWARDED = Counter("ai_audit_forwarded", "Audit rows handed to PazPaz.", ["outcome"])
for _outcome in ("taken", "refused"):  # an increase is seen from a sample before it
    AUDIT_FORWARDED.labels(outcome=_outcome)

EVENTS_ACCEPTED = Counter("ai_ingest_events_accepted", "Events stored.", ["entity"])
EVENTS_REFUSED = Counter("ai_ingest_events_refused", "Deliveries refused.", ["reason"])
for _reason in ("malformed", "signature"):
    EVENTS_REFUSED.labels(reason=_reason)
NOTES_PROCESSED = Counter("ai_ingest_notes", "Work finished by the worker.", ["outcome"])
INGEST_ERRORS = Counter("ai_ingest_errors", "Work given back after an error.", ["error_type"])
INGEST_ERRORS.labels(error_type="source_away")
FEED_EVENTS = Counter(
    "ai_ingest_feed_events", "Events read from PazPaz's outbox, new or known.", ["outcome"]
)
for _outcome in ("new", "known"):
    FEED_EVENTS.labels(outcome=_outcome)
RECONCILED = Counter(
    "ai_reconcile_differences", "Notes that the index did not hold as PazPaz lists them.", ["fault"]
)
for _fault in ("missed", "extra", "stale"):
    RECONCILED.labels(fault=_fault)
CHORE_AGE = Gauge(
    "ai_schedule_age_seconds", "Since a piece of scheduled work last succeeded.", ["chore"]
)
CHORE_FAILURES = Counter("ai_schedule_failures", "Scheduled work that failed.", ["chore"])
for _chore in ("feed", "reconcile", "receipts", "restore", "retention"):
    CHORE_FAILURES.labels(chore=_chore)
BACKGROUND_WORK = Gauge("ai_ingest_background_work", "Notes to be looked at when nothing else is.")
OPEN_WORK = Gauge("ai_ingest_open_work", "Notes waiting to be looked at again.")
DEAD_LETTERS = Gauge("ai_ingest_dead_letters", "Notes given up on, waiting for a person.")
INGEST_LAG = Gauge("ai_ingest_lag_seconds", "Age of the oldest unmet want.")

WORKER_TURNED = Gauge(
    "ai_worker_turned_timestamp_seconds",
    "When this worker's loop last looked for work; 0 in a process that is no worker.",
)
STATE_READ = Gauge(
    "ai_state_read_timestamp_seconds", "When the gauges of the database's state were last read."
)
RESTORING = Gauge(
    "ai_restoring", "1 while a database that came back from a backup keeps questions waiting."
)
SIGNING_KEY_AGE = Gauge(
    "ai_signing_key_age_seconds", "Since the key we sign calls to PazPaz with began to."
)
JWKS_READS = Counter("ai_jwks_reads", "Looks at PazPaz's token keys.", ["outcome"])
for _outcome in ("read", "failed"):
    JWKS_READS.labels(outcome=_outcome)
CERTIFICATES_REFUSED = Counter(
    "ai_certificates_refused",
    "Connections not made, because the other side's certificate is wrong.",
)
