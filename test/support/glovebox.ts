// Tools for functions that run in another thread or process, which have no access to the test's scope.
import * as fs from 'node:fs';
import * as threads from 'node:worker_threads';
import { SharedMemory } from '../../src/cache/shared/shared-memory.ts';
import { connect } from '../../src/cache/storage/sqlite/connection.ts';
import { inspect as inspectDatabase } from '../../src/cache/storage/sqlite/schema.ts';
import * as glovebox from '../../src/index.ts';
import { inspectCoordinator } from '../../src/registry.ts';

export const tools = {
  ...glovebox,
  inspectCoordinator,
  inspectDatabase,
  connect,
  SharedMemory,
  fs,
  threads,
  /** Lives until the thread ends: values that one function leaves for the next. */
  kept: {} as Record<string, unknown>,
};

export type Tools = typeof tools;

/** Turns the text of a function back into the function, which sees its arguments and the globals only. */
export function revive(source: string): (tools: Tools, ...args: unknown[]) => unknown {
  return new Function(`return (${source})`)();
}
