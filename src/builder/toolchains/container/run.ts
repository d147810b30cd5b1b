// Run of one container, from its creation to its removal. Creation and start are two steps, because only a container
// that certainly exists can be removed reliably, however early a build is cancelled.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelled, type FailedOutcome, runCompiler } from '../outcome.ts';
import type { CompileJob } from '../toolchain.ts';
import { clientEnvironment, lastLine, runEngineClient } from './client.ts';
import { type ContainerSpec, createArguments } from './command-line.ts';
import type { ContainerEngine } from './engine-search.ts';
import { howToGet, isNoImage } from './image.ts';

/** Podman may first have to change the owner of the whole image, which happens once. */
const MAKE_LIMIT_MS = 15 * 60 * 1000;

/** Attempts, and the milliseconds between them, to remove a container that is already being removed. */
const ATTEMPTS = 20;
const RETRY_MS = 200;

/** Runs a program in a container, with the job's output, log and signal. Resolves when the container is gone. */
export async function runContainer(
  engine: ContainerEngine,
  spec: ContainerSpec,
  job: CompileJob,
): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
  const { command } = engine;
  const { name, program } = spec;
  const { signal } = job;
  if (signal.aborted) return cancelled([]);
  // Checked here, because the engines differ: one refuses a missing directory, the other creates it.
  const missing = spec.mounts.find(({ directory }) => !existsSync(directory));
  if (missing !== undefined) {
    const message = `The container needs ${missing.directory}, which does not exist.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: [] };
  }
  // Without the signal: if the client is killed, the container may or may not be created.
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
  // The client exits by itself when its container is gone, and has nothing to stop before there is one.
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
    // A client that was killed, or has lost its daemon, leaves its container running.
    remove();
    return signal.aborted ? cancelled(ran.lastLines) : explain(ran, engine, spec);
  } finally {
    signal.removeEventListener('abort', remove);
    await removal;
  }
}

/** The engine's messages if the container, or the engine itself, is gone. */
const NOTHING_TO_REMOVE = /no such container|no container with|cannot connect|daemon running/i;

/** Removes a container, running or not, if it exists. Resolves when it is gone, or when the engine does not answer. */
async function removeContainer({ command, kind }: ContainerEngine, name: string): Promise<void> {
  // Otherwise podman waits for it to stop by itself.
  const args = ['rm', '--force', ...(kind === 'podman' ? ['--time', '0'] : []), name];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { exitCode, output } = await runEngineClient(command, args);
    if (exitCode === 0 || NOTHING_TO_REMOVE.test(output)) return;
    await delay(RETRY_MS);
  }
}

/** The remedy for a container that cannot be created, if known, as a separate sentence. */
function remedyFor(output: string): string {
  // Podman takes it from a separate package, which distributions only recommend.
  return /container-init binary not found/.test(output) ? ' Install the package catatonit.' : '';
}

/** Explains the end of a container that is not the end of its program. */
function explain(
  ran: FailedOutcome,
  { command }: ContainerEngine,
  { program, imageName }: ContainerSpec,
): FailedOutcome {
  const said = ran.lastLines.at(-1) ?? '';
  // Podman has its own status for errors that are not the program's; docker has none while attached.
  if (ran.exitCode === 125 || said.startsWith('Error response from daemon: ')) {
    const message = `'${command}' cannot start the container: ${lastLine(said)}.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: ran.lastLines };
  }
  // The init process of either engine reports a program that is missing or cannot be executed.
  if (/^\[FATAL tini .*exec .* failed|^ERROR \(catatonit.*failed to exec/.test(said)) {
    const message = `There is no '${program}' in the image ${imageName} that can be run. Name another in toolchains.container.image.`;
    return { ok: false, reason: 'cannot-start', message, lastLines: ran.lastLines };
  }
  if (ran.exitCode === 128 + 9) {
    const message = `'${program}' was ended by SIGKILL. The system does that when memory runs out; the container may also have been stopped by hand.`;
    return { ok: false, reason: 'killed', message, lastLines: ran.lastLines };
  }
  return ran;
}
