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
// would have to be guessed from a silence. See peer-coordinators.ts for what is done instead.
import {
  getEnvironmentData,
  isMainThread,
  MessagePort,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads';
import { InvalidArgumentError } from '../../errors.ts';
import { Connection } from '../client/connection.ts';
import { Coordinator } from './coordinator.ts';
import { COORDINATOR_KEY, closeForeignHello, type Hello, isHello } from './protocol.ts';

const MAIN_THREAD = 0;
// How long to wait for the main thread when it is not known whether it has a coordinator at all. One that does not even
// listen is known at once, but not to a thread that is blocked.
const HANDSHAKE_MS = 2000;
const BLOCKED_HANDSHAKE_MS = 500;

const above = getEnvironmentData(COORDINATOR_KEY);
// A thread can also hold this module twice, of two versions perhaps: then each copy coordinates its own caches, and the
// first one those of the threads below.
const isBelow = above !== undefined && above !== threadId;
// A thread that was started by one without Glovebox: there may be others.
const isStray = above === undefined && !isMainThread;

let portByHand: MessagePort | undefined;
// Begun with the first operation. Undefined before that, and in a thread that coordinates its caches itself.
let connection: Connection | undefined;
// Whether there is a coordinator that answers over it.
let connecting: Promise<Connection | undefined> | undefined;
let isAlone = !isBelow && !isStray;
let coordinator: Coordinator | undefined;

if (above === undefined) {
  // For the threads that this one starts from now on.
  setEnvironmentData(COORDINATOR_KEY, threadId);
  // The channel belongs to the whole process: what is no greeting of ours is somebody else's, and no mistake.
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
 * The same at once. Where a coordinator is known to be, it may not have answered yet. Where it is not, the thread is
 * blocked until that is known.
 */
export function findCoordinatorNow(): Connection | undefined {
  const begun = begin();
  if (begun?.isClosed || (begun && !isBelow && !begun.isAnsweredNow(BLOCKED_HANDSHAKE_MS))) loseCoordinator();
  return found();
}

/** The same, where that takes no time. */
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
  // For the threads that this one starts from now on.
  if (connection && isStray && !portByHand) setEnvironmentData(COORDINATOR_KEY, MAIN_THREAD);
  return connection;
}

/** The other thread's coordinator has ended, or never was: from now on this thread coordinates its caches itself. */
export function loseCoordinator(): void {
  connection?.abandon();
  connection = undefined;
  connecting = Promise.resolve(undefined);
  portByHand = undefined;
  isAlone = true;
}

/** Whether this thread coordinates its caches itself. Connects to no coordinator that is known to be elsewhere. */
export async function coordinatesItself(): Promise<boolean> {
  return isAlone || (portByHand === undefined && !isBelow && (await findCoordinator()) === undefined);
}

/** The coordinator of this thread, for those that it coordinates. */
export function ownCoordinator(): Coordinator {
  coordinator ??= new Coordinator(!isMainThread);
  return coordinator;
}

/** Empties stores in memory that no thread uses, where this thread coordinates any. */
export function forgetUnused(): void {
  coordinator?.forgetUnused();
}

/** Has this thread use a port that was passed by hand, instead of looking for its coordinator. */
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

// A thread below has been told that this one coordinates, before the main thread did.
async function welcome(hello: Hello): Promise<void> {
  const elsewhere = await findCoordinator();
  if (elsewhere) await elsewhere.forward(hello);
  else ownCoordinator().accept(hello);
}
