"""The model that needs no service: llama.cpp in a child process, over a port of the loopback.

`weights` finds the model's file or fetches it, `process` keeps the child alive, `child` is the
child, `wire` translates, and `model` is the `Model` made of them. xllamacpp, httpx and psutil are
loaded only when the model is asked something.
"""

from router.providers.embedded.model import EmbeddedModel
from router.providers.embedded.process import check_engine
from router.providers.embedded.progress import Progress
from router.providers.embedded.weights import find_gguf

__all__ = ["EmbeddedModel", "Progress", "check_engine", "find_gguf"]
