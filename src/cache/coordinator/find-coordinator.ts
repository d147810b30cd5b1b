// Discovery of this thread's coordinator.
//
//   a thread above has imported Glovebox before it started this one     that one's coordinator
//   the main thread has imported it since                               the main thread
//   neither, or this is the main thread                                 here
//
// A thread of the last kind coordinates the threads below it. Several of them in one process are to each other as
// processes are: in Node threads cannot agree on one of them without the thread that started them. Environment data
// reaches later threads only. No memory or lock can be found by name from all threads. A message is answered only when
// the other thread's event loop turns, which in a busy worker may take seconds: the existence of a coordinator would
// have to be guessed from a silence. See peer-coordinators.ts for the remedy.
import {
  getEnvironmentData,
  isMainThread,
  MessagePort,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads';
import { InvalidArgumentError } from '../../errors.ts';
import { Connection } from '../client/connection.ts';
import { COORDINATOR_KEY, closeForeignHello, isHello } from '../client/handshake.ts';
import type { Hello } from '../protocol.ts';
import { Coordinator } from './coordinator.ts';

const MAIN_THREAD = 0;
// Time to wait for the main thread when it may not have a coordinator at all. A thread that does not even listen is
// detected at once, but not by a thread that is blocked.
const HANDSHAKE_MS = 2000;
const BLOCKED_HANDSHAKE_MS = 500;

const above = getEnvironmentData(COORDINATOR_KEY);
// A thread can load this module twice, perhaps in two versions: then each copy coordinates its own caches, and the
// first one those of the threads below.
const isBelow = above !== undefined && above !== threadId;
// The thread was started by one without Glovebox: there may be other such threads.
const isStray = above === undefined && !isMainThread;

let portByHand: MessagePort | undefined;
// Set by the first operation. Undefined before that, and in a thread that coordinates its caches itself.
let connection: Connection | undefined;
// Resolves to the connection once a coordinator answers over it.
let connecting: Promise<Connection | undefined> | undefined;
let isAlone = !isBelow && !isStray;
let coordinator: Coordinator | undefined;

if (above === undefined) {
  // For threads that this one starts later.
  setEnvironmentData(COORDINATOR_KEY, threadId);
  // The whole process shares the channel: other messages belong to other programs, and are not errors.
  process.on('workerMessage', (message: unknown) => {
    if (isHello(message)) welcome(message).catch(() => closeForeignHello(message));
    else closeForeignHello(message);
  });
}

/** The connection to another thread's coordinator; undefined in a thread that coordinates its caches itself. */
export function findCoordinator(): Promise<Connection | undefined> {
  connecting ??= connect();
  return connecting;
}

async function connect(): Promise<Connection | undefined> {
  const begun = begin();
  if (begun && !(await begun.isAnswered(isBelow ? undefined : HANDSHAKE_MS))) loseCoordinator();
  return found();
}

/**
 * As {@link findCoordinator}, at once. A known coordinator may not have answered yet. Where none is known, the thread
 * is blocked until the search ends.
 */
export function findCoordinatorNow(): Connection | undefined {
  const begun = begin();
  if (begun?.isClosed || (begun && !isBelow && !begun.isAnsweredNow(BLOCKED_HANDSHAKE_MS))) loseCoordinator();
  return found();
}

/** As {@link findCoordinator}, where that takes no time. */
export function knownCoordinator(): Connection | undefined {
  return isBelow || portByHand ? begin() : undefined;
}

function begin(): Connection | undefined {
  if (connection) return connection;
  if (portByHand) connection = Connection.overPort(portByHand);
  else if (!isAlone) connection = Connection.toThread(isBelow ? (above as number) : MAIN_THREAD);
  return connection;
}

function found(): Connection | undefined {
  // For threads that this one starts later.
  if (connection && isStray && !portByHand) setEnvironmentData(COORDINATOR_KEY, MAIN_THREAD);
  return connection;
}

/**
 * The other thread's coordinator has ended, or never existed: from now on this thread coordinates its caches itself.
 */
export function loseCoordinator(): void {
  connection?.abandon();
  connection = undefined;
  connecting = Promise.resolve(undefined);
  portByHand = undefined;
  isAlone = true;
}

/**
 * Whether this thread coordinates its caches itself. Does not connect to a coordinator that is known to be elsewhere.
 */
export async function coordinatesItself(): Promise<boolean> {
  return isAlone || (portByHand === undefined && !isBelow && (await findCoordinator()) === undefined);
}

/** This thread's coordinator, for the caches and threads that it coordinates. */
export function ownCoordinator(): Coordinator {
  coordinator ??= new Coordinator(!isMainThread);
  return coordinator;
}

/** Empties unused stores in memory, if this thread coordinates any. */
export function forgetUnused(): void {
  coordinator?.forgetUnused();
}

/** Makes this thread use a port that was passed by hand, instead of looking for its coordinator. */
export function usePort(port: MessagePort): void {
  if (!(port instanceof MessagePort)) {
    throw new InvalidArgumentError(
      'connectToCoordinator() takes the port that createCoordinatorPort() made in the thread above.',
    );
  }
  if (connection || connecting) {
    throw new InvalidArgumentError(
      'This thread is connected already. Call connectToCoordinator() before its first cache operation.',
    );
  }
  portByHand = port;
}

// A thread below was told that this one coordinates, before the main thread did.
async function welcome(hello: Hello): Promise<void> {
  const elsewhere = await findCoordinator();
  if (elsewhere) await elsewhere.forward(hello);
  else ownCoordinator().accept(hello);
}
