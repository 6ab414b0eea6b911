"""Memory for LangChain and LangGraph: a retriever, and the tools. Needs the extra ``langchain``."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ConfigDict

from evolve.errors import EvolveError, UsageError
from evolve.plugins import tools
from evolve.plugins.memory import Memory

try:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.tools import BaseTool, StructuredTool, ToolException
except ImportError as error:
    raise UsageError(
        "evolve.plugins.langchain needs langchain-core, which is not installed. "
        "Install it with: pip install 'evolve-memory[langchain]'"
    ) from error


class MemoryRetriever(BaseRetriever):
    """LangChain retriever of a memory: one document with all recalled text, or none. The caller owns
    ``memory``.

    A program words what it recalls as one text, in its own order and with its own headings: it is not cut up.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    memory: Memory

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self._documents(self.memory.recall(query))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self._documents(await self.memory.arecall(query))

    def _documents(self, text: str) -> list[Document]:
        source = {"memory": self.memory.manifest.name, "program": self.memory.manifest.program}
        return [Document(page_content=text, metadata=source)] if text.strip() else []


def memory_tools(memory: Memory, *names: str) -> list[BaseTool]:
    """Return tools of ``memory``; an error in a call becomes its answer, for the model to fix.

    Args:
        memory: owned by the caller.
        names: some of ``evolve.plugins.tools.TOOLS``; none: remember and recall.
    """
    return [_tool(memory, tool) for tool in tools.named_tools(names)]


def _tool(memory: Memory, tool: tools.AgentTool) -> BaseTool:
    def call(**given: str) -> str:
        return _said(lambda: tool.call(memory, **given))

    return StructuredTool.from_function(
        call,
        name=tool.name,
        description=tool.description,
        args_schema=tool.arguments,
        handle_tool_error=True,
        handle_validation_error=True,
    )


def _said(call: Callable[[], str]) -> str:
    try:
        return call()
    except EvolveError as error:
        raise ToolException(str(error)) from error
