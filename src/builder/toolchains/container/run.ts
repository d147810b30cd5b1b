// One container, from its making to its end. It is made and started in two steps, because only what has been made for
// sure can be removed for sure, however early a build is cancelled.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelled, type FailedOutcome, runCompiler } from '../outcome.ts';
import type { CompileJob } from '../toolchain.ts';
import { clientEnvironment, lastLine, runEngineClient } from './client.ts';
import { type ContainerSpec, createArguments } from './command-line.ts';
import type { ContainerEngine } from './engine-search.ts';
import { howToGet, isNoImage } from './image.ts';

/** Milliseconds. Podman may have to give the whole image to another user first, which is done once. */
const MAKE_LIMIT_MS = 15 * 60 * 1000;

/** How often, and after how many milliseconds, a container is asked again to go that is just going by itself. */
const ATTEMPTS = 20;
const RETRY_MS = 200;

/**
 * Runs a program in a container, with its output, log and signal where the job wants them. Resolves when the container
 * is gone.
 */
export async function runContainer(
  engine: ContainerEngine,
  spec: ContainerSpec,
  job: CompileJob,
): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
  const { command } = engine;
  const { name, program } = spec;
  const { signal } = job;
  if (signal.aborted) return cancelled([]);
  // Said here, because each engine has its own way: to refuse it, or to make it.
  const missing = spec.mounts.find(({ directory }) => !existsSync(directory));
  if (missing !== undefined) {
    const message = `The container needs ${missing.directory}, and there is no such directory.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: [] };
  }
  // Without the signal: of a client that is ended nobody knows whether the container is made all the same.
  const made = await runEngineClient(command, createArguments(engine, spec), { timeLimit: MAKE_LIMIT_MS });
  if (made.exitCode !== 0) {
    await removeContainer(engine, name);
    if (signal.aborted) return cancelled([]);
    const why = made.timedOut ? 'it does not answer' : lastLine(made.output);
    const message = isNoImage(made.output)
      ? `The image ${spec.imageName} is not on this machine any more. ${howToGet(engine, spec.imageName)}`
      : `'${command}' cannot make the container: ${why}.${remedyFor(made.output)}`;
    return { ok: false, reason: 'cannot-start', message, lastLines: made.output.split('\n').slice(-20) };
  }
  // The client ends by itself when its container is gone, and without a container it has nothing to end.
  const gone = new AbortController();
  let removal: Promise<void> | undefined;
  const remove = () => {
    removal ??= removeContainer(engine, name).finally(() => gone.abort());
  };
  signal.addEventListener('abort', remove, { once: true });
  if (signal.aborted) remove();
  try {
    const attached = {
      ...{ command, args: ['start', '--attach', name], cwd: '/', env: clientEnvironment() },
      appendLog: spec.appendLog,
      ...(spec.translate === undefined ? {} : { rewrite: spec.translate }),
    };
    const ran = await runCompiler(program, attached, { ...job, signal: gone.signal });
    if (ran.ok) return signal.aborted ? cancelled(ran.lastLines) : ran;
    // A client that was ended, or has lost its daemon, leaves its container running.
    remove();
    return signal.aborted ? cancelled(ran.lastLines) : explain(ran, engine, spec);
  } finally {
    signal.removeEventListener('abort', remove);
    await removal;
  }
}

/** What an engine says when the container is gone, or when it is itself. */
const NOTHING_TO_REMOVE = /no such container|no container with|cannot connect|daemon running/i;

/** Removes a container, running or not, if it is there. Resolves when it is gone, or when the engine does not answer. */
async function removeContainer({ command, kind }: ContainerEngine, name: string): Promise<void> {
  // Else podman waits for it to end by itself.
  const args = ['rm', '--force', ...(kind === 'podman' ? ['--time', '0'] : []), name];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { exitCode, output } = await runEngineClient(command, args);
    if (exitCode === 0 || NOTHING_TO_REMOVE.test(output)) return;
    await delay(RETRY_MS);
  }
}

/** What to do about a container that cannot be made, where that is known, as a sentence of its own. */
function remedyFor(output: string): string {
  // Podman has it from another package, which distributions only recommend with it.
  return /container-init binary not found/.test(output) ? ' Install the package catatonit.' : '';
}

/** What the end of a container means, where it is not the end of its program. */
function explain(
  ran: FailedOutcome,
  { command }: ContainerEngine,
  { program, imageName }: ContainerSpec,
): FailedOutcome {
  const said = ran.lastLines.at(-1) ?? '';
  // Podman's own status for what is not its program's; docker has none when it is attached.
  if (ran.exitCode === 125 || said.startsWith('Error response from daemon: ')) {
    const message = `'${command}' cannot start the container: ${lastLine(said)}.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: ran.lastLines };
  }
  // The init process of either engine: what was to be run cannot be executed, or is not there.
  if (/^\[FATAL tini .*exec .* failed|^ERROR \(catatonit.*failed to exec/.test(said)) {
    const message = `There is no '${program}' in the image ${imageName} that can be run. Name another in toolchains.container.image.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: ran.lastLines };
  }
  if (ran.exitCode === 128 + 9) {
    const message = `'${program}' was ended by SIGKILL. The system does that when memory runs out; somebody may have stopped its container, too.`;
    return { ok: false, reason: 'killed', message, lastLines: ran.lastLines };
  }
  return ran;
}
