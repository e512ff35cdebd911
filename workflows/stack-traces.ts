/**
 * Loaded once, before any workflow begins. The SDK takes a stack trace of every promise that workflow code makes, for
 * the call stack in Temporal's UI, and that takes a third of the time of workflows' threads at ten frames
 * (docs/decisions/0044-stack-traces-of-workflows.md).
 */
Error.stackTraceLimit = 4;
