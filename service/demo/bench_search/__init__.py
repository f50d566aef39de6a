"""Search at every size of workspace: ours beside what people do by default, in the same Postgres."""
