// Validation of messages from worker threads: each is checked before anything acts on it. An invalid message, sent by
// mistake, by another version or on purpose, costs the coordinator no more than a count.
import { isAbsolute } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { Endpoint } from 'comlink';
import { isKey } from '../keys.ts';
import type { IncomingValue, WriteOperation } from '../operations.ts';
import type { CoordinatorApi, LeaseRequest, OpenRequest, Stated } from '../protocol.ts';
import type { GatewayOptions } from '../remote/gateway.ts';
import { POLICIES } from '../shared/limits.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import { Encoding } from '../values/codec.ts';

type Check = (value: unknown) => boolean;

const isString: Check = value => typeof value === 'string';
const isBoolean: Check = value => typeof value === 'boolean';
/** Whether this is a time: times are stored as whole milliseconds. */
export const isTime = (value: unknown): value is number => Number.isSafeInteger(value);
const isWhole: Check = value => Number.isSafeInteger(value) && (value as number) >= 0;
const isPositive: Check = value => typeof value === 'number' && value > 0;
const isText =
  (limit: number): Check =>
  value =>
    typeof value === 'string' && value.length <= limit;

const nullOr =
  (check: Check): Check =>
  value =>
    value === null || check(value);
const maybe =
  (check: Check): Check =>
  value =>
    value === undefined || check(value);
// `every` would walk over the holes of an array that declares a length of billions; this stops at the first.
const listOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.findIndex(item => !check(item)) < 0;
const oneOf =
  (...allowed: unknown[]): Check =>
  value =>
    allowed.includes(value);

/** Exactly these properties: an extra one could mean something to the code that gets the object. */
function shape<T extends object>(checks: { [Name in keyof Required<T>]: Check }): Check {
  const names = Object.keys(checks) as (keyof T & string)[];
  return value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const object = value as T;
    return (
      Object.keys(object).every(name => Object.hasOwn(checks, name)) &&
      names.every(name => checks[name](object[name]))
    );
  };
}

const tuple =
  (...checks: Check[]): Check =>
  value =>
    Array.isArray(value) &&
    value.length === checks.length &&
    checks.every((check, index) => check(value[index]));

const isHash: Check = value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isData: Check = value => typeof value === 'string' || value instanceof Uint8Array;
// Tokens are made by Glovebox (UUIDs); a longer text is never valid.
const isToken = isText(100);

const isValueShape = shape<IncomingValue>({
  encoding: oneOf(...Object.values(Encoding)),
  data: nullOr(isData),
  blob: nullOr(isHash),
  checksum: value => isWhole(value) && (value as number) <= 0xffffffff,
  size: isWhole,
  mode: nullOr(value => isWhole(value) && (value as number) <= 0o777),
  temporary: maybe(isString),
});

const isValue: Check = value => {
  if (!isValueShape(value)) return false;
  const { data, blob, size, temporary } = value as IncomingValue;
  // Either the bytes, and as many as it says, or a blob that comes with its file.
  if (blob !== null) return data === null && temporary !== undefined;
  return data !== null && temporary === undefined && size === Buffer.byteLength(data);
};

const operations: { [Type in WriteOperation['type']]: Check } = {
  set: shape<WriteOperation & { type: 'set' }>({
    type: isString,
    key: isKey,
    value: isValue,
    expires: nullOr(isTime),
    onlyIfAbsent: maybe(isBoolean),
    lease: maybe(isToken),
  }),
  'set-many': shape<WriteOperation & { type: 'set-many' }>({
    type: isString,
    entries: listOf(shape<{ key: string; value: IncomingValue }>({ key: isKey, value: isValue })),
    expires: nullOr(isTime),
    part: maybe(shape<{ of: string; isLast: boolean }>({ of: isToken, isLast: isBoolean })),
  }),
  delete: shape<WriteOperation & { type: 'delete' }>({ type: isString, keys: listOf(isKey) }),
  discard: shape<WriteOperation & { type: 'discard' }>({
    type: isString,
    key: isKey,
    // Found in a damaged entry, so any number is possible.
    checksum: value => Number.isSafeInteger(value),
    blob: nullOr(isString),
  }),
  touch: shape<WriteOperation & { type: 'touch' }>({ type: isString, key: isKey, expires: nullOr(isTime) }),
  increment: shape<WriteOperation & { type: 'increment' }>({
    type: isString,
    key: isKey,
    by: value => Number.isFinite(value),
    expires: nullOr(isTime),
  }),
  access: shape<WriteOperation & { type: 'access' }>({
    type: isString,
    entries: listOf(tuple(isKey, isWhole, isTime)),
    isUrgent: value => typeof value === 'boolean',
  }),
  clear: shape<WriteOperation & { type: 'clear' }>({ type: isString }),
  cleanup: shape<WriteOperation & { type: 'cleanup' }>({ type: isString }),
  // Only the coordinator writes leases.
  lease: () => false,
  release: () => false,
};

/** Whether a thread may send this for a store with these files (undefined: it has none). */
export function isOperation(value: unknown, blobs: BlobFiles | undefined): value is WriteOperation {
  if (typeof value !== 'object' || value === null) return false;
  const { type } = value as { type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(operations, type)) return false;
  if (!operations[type as WriteOperation['type']](value)) return false;
  // A named file is renamed into the store: it must be one that a Glovebox thread made there for that.
  const operation = value as WriteOperation;
  const values =
    operation.type === 'set'
      ? [operation.value]
      : operation.type === 'set-many'
        ? operation.entries.map(entry => entry.value)
        : [];
  return values.every(({ temporary }) => temporary === undefined || blobs?.isTemporary(temporary) === true);
}

/** Whether this is a batch whose items can be answered; their times and operations are not checked yet. */
export const isBatch = listOf(
  tuple(
    isWhole,
    isWhole,
    () => true,
    () => true,
    nullOr(isTime),
  ),
) as (
  message: unknown,
) => message is [id: number, instance: number, now: unknown, operation: unknown, until: number | null][];

const isOpenRequest = shape<OpenRequest>({
  tag: isText(100),
  cacheRoot: value => isText(4096)(value) && isAbsolute(value as string) && !(value as string).includes('\0'),
  backend: oneOf('sqlite', 'memory'),
  maxSize: value => isWhole(value) && isPositive(value),
  policy: oneOf(...POLICIES),
  explicit: shape<Stated>({ maxSize: isBoolean, policy: isBoolean, allowUntrusted: isBoolean }),
  timeout: isPositive,
  allowUntrusted: isBoolean,
});

const isGatewayOptions = shape<GatewayOptions>({
  url: isText(4096),
  mode: maybe(oneOf('read', 'read-write')),
  trust: maybe(listOf(isText(4096))),
  token: maybe(isText(4096)),
  signingKey: maybe(isText(64 * 1024)),
  maxSize: maybe(isWhole),
  limits: maybe(value => typeof value === 'object' && value !== null),
});

/** Its parts are checked where they are used. */
function isGatewayRequest(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { type, options, tag, key, ...more } = value as Record<string, unknown>;
  if (!isGatewayOptions(options) || !isText(100)(tag) || !isString(key)) return false;
  switch (type) {
    case 'value':
    case 'flush':
      return Object.keys(more).length === 0;
    case 'file':
      return isText(4096)(more.destination) && isAbsolute(more.destination as string);
    case 'put-file':
      return isText(4096)(more.file) && isAbsolute(more.file as string);
    case 'put-value':
      return isWhole(more.encoding) && more.bytes instanceof Uint8Array;
    default:
      return false;
  }
}

const calls: { [Name in keyof CoordinatorApi]: Check[] } = {
  greet: [],
  open: [isOpenRequest],
  release: [isWhole],
  read: [isWhole, isKey],
  page: [isWhole, isText(4096), isText(4096), isTime, isBoolean],
  readMany: [isWhole, listOf(isKey)],
  metadata: [isWhole, isKey],
  lease: [
    isWhole,
    isWhole,
    shape<LeaseRequest>({
      key: isKey,
      now: isTime,
      wait: isPositive,
      timeout: isPositive,
      holding: listOf(isToken),
    }),
  ],
  holds: [isWhole, isKey, isToken],
  abandon: [isWhole, isKey, isToken],
  readFailed: [isWhole, isString, maybe(isText(100)), isWhole],
  tooLarge: [isWhole, isKey, isWhole],
  stats: [isWhole],
  check: [isWhole, isBoolean],
  collect: [isWhole],
  tidy: [isWhole],
  aggregatedStats: [],
  remote: [isGatewayRequest],
};

/** Whether the message is Comlink's call of one of {@link CoordinatorApi}'s functions with valid arguments. */
export function isCall(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { id, type, path, argumentList } = message as Record<string, unknown>;
  if (!isText(200)(id) || type !== 'APPLY' || !tuple(isString)(path) || !Array.isArray(argumentList))
    return false;
  const name = (path as [string])[0];
  if (!Object.hasOwn(calls, name)) return false;
  const checks = calls[name as keyof CoordinatorApi];
  if (argumentList.length > checks.length) return false;
  return checks.every((check, index) => {
    const wire: unknown = argumentList[index] ?? { type: 'RAW', value: undefined };
    if (typeof wire !== 'object' || wire === null) return false;
    // A `HANDLER` would have Comlink make objects that call back.
    return (wire as { type?: unknown }).type === 'RAW' && check((wire as { value?: unknown }).value);
  });
}

/** The port as Comlink's endpoint, which lets only calls through: Comlink throws on a message that it cannot read. */
export function callEndpoint(port: MessagePort, onDrop: () => void): Endpoint {
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer as never),
    addEventListener: (_type, listener) => {
      const handle = (event: { data: unknown }) => {
        if (typeof listener === 'function') listener(event as never);
        else listener.handleEvent(event as never);
      };
      port.on('message', (data: unknown) => (isCall(data) ? handle({ data }) : onDrop()));
      port.on('messageerror', onDrop);
    },
    removeEventListener: () => undefined,
    start: () => port.start(),
  };
}
