// Options of build agents, from config and environment.
import { InvalidArgumentError } from '../errors.ts';
import { type Environment, queueEnvironment } from './environment.ts';
import type { UserConfig } from './user-config.ts';

/** The forms that {@link parseQueueUrl} takes, for messages. */
export const QUEUE_URL_FORMS = "an address such as 'rediss://:password@queue.example.org:6379/0'";

/** Valkey speaks the protocol of Redis, and its addresses are the same otherwise. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  'redis:': 'redis:',
  'rediss:': 'rediss:',
  'valkey:': 'redis:',
  'valkeys:': 'rediss:',
};

/**
 * The address of a queue, with `redis:` or `rediss:` as its protocol.
 *
 * @param name what the value is called in the message
 *
 * @throws InvalidArgumentError that does not repeat the password
 */
export function parseQueueUrl(text: string, name = 'agents.queue'): string {
  const url = typeof text === 'string' ? URL.parse(text.trim()) : null;
  const protocol = url === null ? undefined : PROTOCOLS[url.protocol];
  if (url !== null && protocol !== undefined && url.hostname !== '' && /^(\/\d*)?$/.test(url.pathname)) {
    return url.href.replace(url.protocol, protocol);
  }
  const shown = JSON.stringify(String(text).replace(/\/\/[^/@]*@/, '//…@')).slice(0, 80);
  throw new InvalidArgumentError(`${name} is ${shown}, but must be ${QUEUE_URL_FORMS}.`);
}

/** A queue's address without its password, for messages. */
export function shownQueue(queue: string): string {
  const url = new URL(queue);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}

/**
 * The address of the queue that agents take targets from: `GLOVEBOX_QUEUE`, else `agents.queue` of the config.
 * Undefined if there is none, or if the variable is `0`, `false`, `no` or `off`.
 *
 * @throws InvalidArgumentError for an invalid address in the variable
 */
export function queueFor(
  { agents }: Pick<UserConfig, 'agents'>,
  environment: Environment = process.env,
): string | undefined {
  const { isOff, queue } = queueEnvironment(environment);
  if (isOff) return undefined;
  if (queue !== undefined) return parseQueueUrl(queue, 'GLOVEBOX_QUEUE');
  return agents?.queue === undefined ? undefined : parseQueueUrl(agents.queue);
}
