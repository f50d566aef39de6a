"""A whole stage on one machine: servers, service and demo monolith, for `demo`, `load`, `eval` and the tests."""
