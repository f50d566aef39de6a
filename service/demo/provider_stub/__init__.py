"""A provider of models for tests and benches: Cohere's and OpenAI's wire formats on real sockets, with faults.

`async with provider_stub() as stub:` runs it in the caller's event loop; `python -m service.demo.provider_stub`
as a process. Cohere's base URL is `stub.url`, that of the OpenAI format `stub.url + "/v1"`.
"""

from service.demo.provider_stub.judging import Judging
from service.demo.provider_stub.server import KEY, Call, Pace, Stub, provider_stub
from service.demo.provider_stub.writing import Asked, Cited, Written, citing, quoting

__all__ = [
    "KEY",
    "Asked",
    "Call",
    "Cited",
    "Judging",
    "Pace",
    "Stub",
    "Written",
    "citing",
    "provider_stub",
    "quoting",
]
