// Compile worker of the build's thread pool, loaded by Piscina. Compiles one target at a time.
import { threadId } from 'node:worker_threads';
import {
  type CompileResult,
  createZmkWestService,
  openCompilationCache,
  type Toolchain,
} from '../src/builder/incremental/index.ts';
import type { ToolchainDescription } from '../src/builder/toolchains/index.ts';
import { loadToolchain } from '../src/builder/toolchains/load.ts';
import type { CompileTask, FromWorker, ToWorker } from '../src/builder/workers/protocol.ts';
import type { Cache } from '../src/cache/cache.ts';

// Kept between targets, so that the toolchain asks its compiler for its version only once.
let latest: { key: string; toolchain: Promise<Toolchain> } | undefined;

export default async function compile(task: CompileTask): Promise<CompileResult> {
  const { port, target, configDirectory, userConfig, cacheOptions } = task;
  const say = (message: FromWorker) => port.postMessage(message);
  const cancellation = new AbortController();
  const turn = Promise.withResolvers<number>();
  port.on('message', (message: ToWorker) => {
    if (message.type === 'make') turn.resolve(message.jobs);
    else {
      cancellation.abort();
      turn.resolve(task.jobs);
    }
  });
  const cache = openCompilationCache(userConfig, cacheOptions);
  const toolchain = await toolchainOf(task.toolchain, cache);
  const service = createZmkWestService({ toolchain, configDirectory, userConfig, cacheOptions });
  return service[task.isTrial ? 'compileAnew' : 'compile'](target, {
    described: task.described,
    directory: task.directory,
    buildDirectory: task.buildDirectory,
    logFile: task.logFile,
    jobs: task.jobs,
    incremental: task.incremental,
    traceparent: task.traceparent,
    signal: cancellation.signal,
    onConfigured: () => {
      say({ type: 'configured' });
      return turn.promise;
    },
    onEvent: event => say({ type: 'event', thread: threadId, event }),
    onProcess: (event, processGroup) => say({ type: 'process', event, processGroup }),
  });
}

function toolchainOf(description: ToolchainDescription, cache: Cache): Promise<Toolchain> {
  const key = JSON.stringify(description);
  if (latest?.key !== key) latest = { key, toolchain: loadToolchain(description, { cache }) };
  return latest.toolchain;
}
