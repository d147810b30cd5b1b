// Options of the remote tier, checked.
import { tmpdir } from 'node:os';
import { InvalidArgumentError } from '../../errors.ts';
import type { ByteSize } from '../cache.ts';
import { parseSize } from '../units.ts';
import type { CircuitBreakerOptions } from './circuit-breaker.ts';
import type { HttpLimits } from './http-client.ts';
import {
  parseSigningKey,
  parseTrustedKey,
  readSigningKey,
  type SigningKey,
  type TrustedKey,
} from './signing.ts';
import type { UploadQueueOptions } from './upload-queue.ts';
import type { WaitBudgetOptions } from './wait-budget.ts';

/** `read-write`: entries that are produced here are uploaded as well. */
export type RemoteMode = 'read' | 'read-write';

export const REMOTE_MODES: readonly RemoteMode[] = ['read', 'read-write'];

export interface RemoteOptions {
  /**
   * Address above `/ac/` and `/cas/`, such as `https://cache.example.org/team`. A user and password in it are sent as
   * `Authorization: Basic` and appear in no message. `http:` to anything but this machine needs {@link trust}.
   */
  url: string;
  /** @default 'read' */
  mode?: RemoteMode | undefined;
  /**
   * Trusted public keys, each in base64, with an optional name after it. The own signing key's is among them without
   * being listed. Without either, no record could be trusted, which is an error.
   */
  trust?: readonly string[] | undefined;
  /** Sent as `Authorization: Bearer`, or as `Basic` when it is `user:password`. @default none */
  token?: string | undefined;
  /** The private key that signs uploads: PEM, base64, or a file with one of them. `read-write` needs it. */
  signingKey?: string | undefined;
  /** Bytes of the largest entry that is fetched or uploaded, all its files together. @default '1GB' */
  maxSize?: ByteSize | undefined;
  /** Directory in which large files are compressed before they are uploaded. @default `os.tmpdir()` */
  temporaryDirectory?: string | undefined;
  /**
   * Called with warnings for a person: that the server is in trouble, and that records were not trusted. Each is given
   * once.
   * @default a `GloveboxWarning` of the process
   */
  onWarning?: ((message: string) => void) | undefined;
  limits?: HttpLimits | undefined;
  budget?: WaitBudgetOptions | undefined;
  breaker?: CircuitBreakerOptions | undefined;
  uploads?: UploadQueueOptions | undefined;
  /** The time in milliseconds since the epoch, for the dates of records. @default the real time */
  clock?: (() => number) | undefined;
}

/** Checked options, with the defaults in place. */
export interface RemoteSettings {
  /** Without credentials: it may be shown. */
  url: URL;
  authorization: string | undefined;
  mode: RemoteMode;
  trust: readonly TrustedKey[];
  signingKey: SigningKey | undefined;
  maxSize: number;
  temporaryDirectory: string;
}

/** The forms that {@link parseRemoteUrl} takes, for messages. */
export const REMOTE_URL_FORMS = "an address such as 'https://cache.example.org/team', without '?' and '#'";

/**
 * Checks everything that can be checked without a connection.
 *
 * @param name what the options are called in messages
 * @throws InvalidArgumentError
 */
export function resolveRemoteOptions(options: RemoteOptions, name = 'remote'): RemoteSettings {
  const { mode = 'read', maxSize = '1GB', temporaryDirectory = tmpdir() } = options;
  const { url, credentials } = parseRemoteUrl(options.url, `${name}.url`);
  if (!REMOTE_MODES.includes(mode)) {
    throw new InvalidArgumentError(
      `${name}.mode is ${JSON.stringify(mode)}, but must be one of ${REMOTE_MODES.join(', ')}.`,
    );
  }
  const listed = (options.trust ?? []).map(key => parseTrustedKey(key, `${name}.trust`));
  const signingKey = options.signingKey === undefined ? undefined : signingKeyOf(options.signingKey);
  if (mode === 'read-write' && signingKey === undefined) {
    throw new InvalidArgumentError(
      `${name}.mode is 'read-write', but no signing key is set. Run 'glovebox remote keygen', or set GLOVEBOX_SIGNING_KEY.`,
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && listed.length === 0) {
    throw new InvalidArgumentError(
      `${name}.url is ${url.href}, where anyone on the network path can change the answers, and ${name}.trust is empty. List the public keys whose records are trusted, or use https.`,
    );
  }
  const own = signingKey && !listed.some(({ publicKey }) => publicKey === signingKey.publicKey);
  const trust = own ? [...listed, parseTrustedKey(`${signingKey.publicKey} this machine`)] : listed;
  if (trust.length === 0) {
    throw new InvalidArgumentError(
      `${name}.trust is empty and there is no signing key of your own, so no record of ${url.href} would be trusted. List the public keys of the machines that write there, as 'glovebox remote keygen' prints them.`,
    );
  }
  return {
    ...{ url, mode, trust, signingKey, temporaryDirectory },
    authorization: authorizationOf(options.token ?? credentials),
    maxSize: parseSize(maxSize, `${name}.maxSize`),
  };
}

/** An address, and its `user:password`, if any. @throws InvalidArgumentError */
export function parseRemoteUrl(
  text: string,
  name = 'remote.url',
): { url: URL; credentials: string | undefined } {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (!url || !isHttp || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError(`${name} is ${shown(text)}, but must be ${REMOTE_URL_FORMS}.`);
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const credentials =
    username === '' && password === ''
      ? undefined
      : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, credentials };
}

/** Whether the name can stand only for this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

function signingKeyOf(text: string): SigningKey {
  const isKey = text.includes('PRIVATE KEY') || /^\s*[A-Za-z0-9+/]{43}=\s*$/.test(text);
  return isKey ? parseSigningKey(text) : readSigningKey(text);
}

function authorizationOf(token: string | undefined): string | undefined {
  if (token === undefined || token === '') return undefined;
  const isBasic = token.includes(':');
  if (/\p{Cc}/u.test(token) || (!isBasic && !/^[!-~]+$/.test(token))) {
    throw new InvalidArgumentError(
      'The token of the remote cache (GLOVEBOX_REMOTE_TOKEN) has a character that a header cannot hold.',
    );
  }
  return isBasic ? `Basic ${Buffer.from(token).toString('base64')}` : `Bearer ${token}`;
}

// An invalid address may still hold a password.
function shown(text: unknown): string {
  const quoted =
    typeof text === 'string' ? JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@')) : String(text);
  return quoted.length > 80 ? `${quoted.slice(0, 80)}…` : quoted;
}
