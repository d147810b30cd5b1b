// Where this thread's coordinator is.
//
//   a thread above has imported Glovebox before it started this one     that one's coordinator
//   the main thread has imported it since                               the main thread
//   neither, or this is the main thread                                 here
//
// A thread of the last kind coordinates the threads below it. Several of them in one process are to each other as
// processes are: nothing in Node lets threads agree on one of them without the thread that started them. Environment
// data goes to later threads only, there is no memory or lock that all threads find by name, and a message is answered
// only when the other one's event loop turns, which a busy worker's does not for seconds: whether there is one already
// would have to be guessed from a silence. See neighbours.ts for what is done instead.
import {
  getEnvironmentData,
  isMainThread,
  MessagePort,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads';
import { InvalidArgumentError } from '../cache/errors.ts';
import { Connection } from './connection.ts';
import type { Coordinator } from './coordinator.ts';
import {
  COORDINATOR_KEY,
  closeForeignHello,
  type Hello,
  isHello,
  type OpenReply,
  type OpenRequest,
} from './protocol.ts';

const MAIN_THREAD = 0;
// How long to wait for the main thread when it is not known whether it has a coordinator at all.
const ASKING_MS = 500;
// How long a thread is blocked for its coordinator, which answers in a few unless it is blocked itself; and once only.
const PATIENCE_MS = 1000;

const above = getEnvironmentData(COORDINATOR_KEY);
// A thread can also hold this module twice, of two versions perhaps: then each copy coordinates its own caches, and the
// first one those of the threads below.
const isBelow = above !== undefined && above !== threadId;
// A thread that was started by one without Glovebox: there may be others.
const isStray = above === undefined && !isMainThread;

let connection: Promise<Connection | undefined> | undefined;
// The same, once it is there.
let connected: Connection | undefined;
// The coordinator may be busy for long.
let hasWaitedInVain = false;
let coordinator: Promise<Coordinator> | undefined;
let portByHand: MessagePort | undefined;

if (above === undefined) {
  // For the threads that this one starts from now on.
  setEnvironmentData(COORDINATOR_KEY, threadId);
  // The channel belongs to the whole process: what is no greeting of ours is somebody else's, and no mistake.
  process.on('workerMessage', (message: unknown) => {
    if (isHello(message)) welcome(message).catch(() => refuse(message));
    else closeForeignHello(message);
  });
}

/** The connection to another thread's coordinator; undefined in a thread that coordinates its caches itself. */
export function findCoordinator(): Promise<Connection | undefined> {
  connection ??= connect();
  // What could not be loaded now (no file descriptor left, perhaps) can be another time.
  connection.catch(() => {
    connection = undefined;
  });
  return connection;
}

/**
 * A store, opened at once, with this thread blocked for a moment: what a task leaves behind unawaited would be lost with
 * its thread otherwise, which may not turn its event loop again. Undefined where that cannot be done.
 */
export function openNow(request: OpenRequest): { connection: Connection; reply: OpenReply } | undefined {
  // It is being connected already.
  const isConnecting = connection !== undefined && connected === undefined;
  if (!isBelow || portByHand !== undefined || isConnecting || hasWaitedInVain) return undefined;
  if (connected?.isWaiting || connected?.isClosed) return undefined;
  const own = connected ?? Connection.begin(above as number);
  const answer = own.openNow(request, PATIENCE_MS);
  hasWaitedInVain = answer === undefined;
  if (answer && !connected) {
    connected = own;
    connection = Promise.resolve(own);
  } else if (!answer && own !== connected) {
    own.abandon();
  }
  return answer?.ok ? { connection: own, reply: answer.value } : undefined;
}

/** The other thread's coordinator has ended: from now on this thread coordinates its caches itself. */
export function loseCoordinator(): void {
  connection = Promise.resolve(undefined);
  connected = undefined;
}

/** Whether this thread coordinates its caches itself. Connects to no coordinator that is known to be elsewhere. */
export async function coordinatesItself(): Promise<boolean> {
  return portByHand === undefined && !isBelow && (await findCoordinator()) === undefined;
}

/** The coordinator of this thread, for those that it coordinates. */
export function openCoordinator(): Promise<Coordinator> {
  coordinator ??= import('./coordinator.ts').then(module => new module.Coordinator(!isMainThread));
  coordinator.catch(() => {
    coordinator = undefined;
  });
  return coordinator;
}

/** Empties stores in memory that no thread uses, where this thread coordinates any. */
export async function forgetUnused(): Promise<void> {
  (await coordinator?.catch(() => undefined))?.forgetUnused();
}

/** Has this thread use a port that was passed by hand, instead of looking for its coordinator. */
export function usePort(port: MessagePort): void {
  if (!(port instanceof MessagePort)) {
    throw new InvalidArgumentError(
      'connectToCoordinator() takes the port that createCoordinatorPort() made in the thread above.',
    );
  }
  if (connection) {
    throw new InvalidArgumentError(
      'This thread is connected already. Call connectToCoordinator() before its first cache operation.',
    );
  }
  portByHand = port;
}

async function connect(): Promise<Connection | undefined> {
  if (portByHand === undefined && !isBelow && !isStray) return undefined;
  if (portByHand) return Connection.overPort(portByHand);
  if (isBelow) {
    connected = await Connection.toThread(above as number);
    return connected;
  }
  const main = await Connection.toThread(MAIN_THREAD, ASKING_MS);
  if (main) setEnvironmentData(COORDINATOR_KEY, MAIN_THREAD);
  return main;
}

// A thread below has been told that this one coordinates, before the main thread did.
async function welcome(hello: Hello): Promise<void> {
  const elsewhere = await findCoordinator();
  if (elsewhere) await elsewhere.forward(hello);
  else (await openCoordinator()).accept(hello);
}

function refuse({ control, writes }: Hello): void {
  control.close();
  writes.close();
}
