"""Executes GraphQL operations by compiled plans, a level at a time; see docs/engine.md.

It knows GraphQL and Strawberry and nothing else of this application, so that another Strawberry
project can take it as it is.
"""

from gateway.engine.executor import CompiledExecutor, compiled_executor
from gateway.engine.preparing import Prepared

__all__ = ["CompiledExecutor", "Prepared", "compiled_executor"]
